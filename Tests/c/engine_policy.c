/* A policy of the caller's: what it is shown, what becomes of its decisions, and what it may not decide. */
#include "engine_support.h"

typedef void (*step)(const batching_policy_view *view, batching_policy_decision *decision);

/* What the policy answers when it is asked for the first time, the second, and so on; the last from then on. */
struct script {
    const step *steps;
    int count;
    int32_t returned;
    int calls;
};

static int32_t follow(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    struct script *script = user_data;
    assert_int_equal(view->struct_size, sizeof *view);
    assert_int_equal(decision->struct_size, sizeof *decision);
    assert_int_equal(decision->capacity, view->count);
    assert_int_equal(decision->scheduled_count, 0);
    assert_int_equal(decision->preempted_count, 0);
    assert_int_equal(decision->decode_rest | decision->until_change | decision->short_of_memory, 0);
    assert_double_equal(decision->wait_until, 0.0);
    int call = script->calls++;
    script->steps[call < script->count ? call : script->count - 1](view, decision);
    return script->returned;
}

static void engine_follow(struct engine *engine, struct script *script) {
    engine->config.policy = BATCHING_POLICY_CUSTOM;
    engine->config.policy_callback = follow;
    engine->config.policy_user_data = script;
}

#define SCRIPT(...)                                                                                                    \
    { .steps = (const step[]){__VA_ARGS__}, .count = sizeof((const step[]){__VA_ARGS__}) / sizeof(step) }

static void schedule(batching_policy_decision *decision, int64_t row, int32_t tokens) {
    decision->scheduled_row[decision->scheduled_count] = row;
    decision->scheduled_tokens[decision->scheduled_count++] = tokens;
}

static void preempt(batching_policy_decision *decision, int64_t row) {
    decision->preempted_row[decision->preempted_count++] = row;
}

static void decide_nothing(const batching_policy_view *view, batching_policy_decision *decision) {
    (void)view, (void)decision;
}

/* All rows, with all that they have yet to compute. */
static void schedule_all(const batching_policy_view *view, batching_policy_decision *decision) {
    for (int64_t row = 0; row < view->count; row++) {
        schedule(decision, row,
                 (int32_t)(view->prompt_tokens[row] + view->generated_tokens[row] - view->computed_tokens[row]));
    }
}

static void decode_all(const batching_policy_view *view, batching_policy_decision *decision) {
    if (view->running_count < view->count) {
        schedule_all(view, decision);
    } else {
        decision->decode_rest = 1;
    }
}

/*
 * The worked case: blocks of 2 tokens, 8 of them, a second an iteration. Request 2 arrives at 1.
 *
 *   iteration 0  request 1 is admitted before request 0: 3 tokens and 1. Request 1 has its first token.
 *   iteration 1  request 0 computes its other 2 and has its first token; request 1, which decodes, gets none.
 *   iteration 2  request 1 is preempted, request 2 admitted with its 2 tokens, and request 0 decodes.
 *   iteration 3  requests 0 and 2 decode their last.
 *   iteration 4  request 1 computes its 4 known tokens again, 3 of them a second time, and has its last.
 */
static void see_0(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_int_equal(view->iteration, 0);
    assert_double_equal(view->time, 0.0);
    assert_int_equal(view->count, 2);
    assert_int_equal(view->running_count, 0);
    assert_integers(view->request, 0, 1);
    assert_integers(view->prompt_tokens, 3, 3);
    assert_integers(view->generated_tokens, 0, 0);
    assert_integers(view->computed_tokens, 0, 0);
    assert_integers(view->kv_blocks, 0, 0);
    assert_integers(view->priority, 5, -1);
    assert_integers(view->tie_break, 40, 30);
    assert_integers(view->oracle_output_tokens, 3, 2);
    assert_int_equal(view->max_num_seqs, 2);
    assert_int_equal(view->max_num_batched_tokens, 4);
    assert_int_equal(view->kv_blocks_free, 8);
    assert_int_equal(view->kv_blocks_usable, 8);
    assert_int_equal(view->block_size, 2);
    schedule(decision, 1, 3);
    schedule(decision, 0, 1);
}

static void see_1(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_int_equal(view->iteration, 1);
    assert_double_equal(view->time, 1.0);
    assert_int_equal(view->count, 3);
    assert_int_equal(view->running_count, 2);
    assert_integers(view->request, 1, 0, 2);
    assert_times(view->arrival_time, 0.0, 0.0, 1.0);
    assert_integers(view->prompt_tokens, 3, 3, 2);
    assert_integers(view->generated_tokens, 1, 0, 0);
    assert_integers(view->computed_tokens, 3, 1, 0);
    assert_integers(view->kv_blocks, 2, 1, 0);
    assert_integers(view->priority, -1, 5, 0);
    assert_integers(view->tie_break, 30, 40, 20);
    assert_integers(view->oracle_output_tokens, 2, 3, 2);
    assert_int_equal(view->kv_blocks_free, 5);
    schedule(decision, 1, 2);
}

static void see_2(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_integers(view->request, 1, 0, 2);
    assert_integers(view->generated_tokens, 1, 1, 0);
    assert_integers(view->computed_tokens, 3, 3, 0);
    assert_integers(view->kv_blocks, 2, 2, 0);
    assert_int_equal(view->kv_blocks_free, 4);
    preempt(decision, 0);
    schedule(decision, 2, 2);
    decision->decode_rest = 1;
}

static void see_3(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_int_equal(view->running_count, 2);
    assert_integers(view->request, 0, 2, 1);
    assert_integers(view->generated_tokens, 2, 1, 1);
    assert_integers(view->computed_tokens, 4, 2, 0);
    assert_integers(view->kv_blocks, 2, 1, 0);
    assert_int_equal(view->kv_blocks_free, 5);
    decision->decode_rest = 1;
}

static void see_4(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_int_equal(view->iteration, 4);
    assert_int_equal(view->count, 1);
    assert_int_equal(view->running_count, 0);
    assert_integers(view->request, 1);
    assert_integers(view->generated_tokens, 1);
    assert_integers(view->computed_tokens, 0);
    assert_int_equal(view->kv_blocks_free, 8);
    schedule(decision, 0, 4);
}

static void engine_init_worked(struct engine *engine) {
    static const int32_t prompt_length[3] = {3, 3, 2}, output_length[3] = {3, 2, 2}, priority[3] = {5, -1, 0};
    static const int64_t tie_break[3] = {40, 30, 20};
    static const double arrival_time[3] = {0.0, 0.0, 1.0};
    engine_init(engine, 3);
    engine->config.max_num_seqs = 2;
    engine->config.max_num_batched_tokens = 4;
    engine->config.num_gpu_blocks = 9;
    engine->config.block_size = 2;
    engine->requests.prompt_length = prompt_length;
    engine->requests.output_length = output_length;
    engine->requests.arrival_time = arrival_time;
    engine->requests.priority = priority;
    engine->requests.tie_break = tie_break;
}

static void a_policy_sees_the_requests_and_its_decisions_are_carried_out(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(see_0, see_1, see_2, see_3, see_4);
    engine_init_worked(&engine);
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_int_equal(script.calls, 5);
    assert_times(engine.start_time, 0.0, 0.0, 2.0);
    assert_times(engine.first_token_time, 2.0, 1.0, 3.0);
    assert_times(engine.end_time, 4.0, 5.0, 4.0);
    assert_integers(engine.tokens_generated, 3, 2, 2);
    assert_integers(engine.completion_order, 0, 2, 1);
    assert_integers(engine.preemptions, 0, 1, 0);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_COMPLETED);
    assert_int_equal(engine.summary.preemptions, 1);
    assert_int_equal(engine.summary.recomputed_tokens, 3);
    assert_int_equal(engine.summary.prefill_tokens, 3 + 1 + 2 + 2 + 4);
    assert_int_equal(engine.summary.decode_tokens, 1 + 2);
}

/* Without a limit of the memory the numbers of blocks say so. */
static void see_no_limit(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_true(view->kv_blocks_free == INT64_MAX);
    assert_true(view->kv_blocks_usable == INT64_MAX);
    schedule_all(view, decision);
}

static void a_policy_without_a_limit_of_memory_is_told_so(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(see_no_limit);
    engine_init(&engine, 2);
    engine.requests.output_length = LENGTHS(3, 3);
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_int_equal(script.calls, 3);
    assert_times(engine.end_time, 3.0, 3.0);
}

/* --- What it may not decide: all in the second iteration of the worked case, in which rows 0 and 1 run and row 2
 * waits. Row 0 has 1 token to compute, row 1 has 2, row 2 has 2; the budget is 4, two may run, and 5 blocks are free.
 * --- */

#define ANSWER(name, ...)                                                                                              \
    static void name(const batching_policy_view *view, batching_policy_decision *decision) {                           \
        (void)view;                                                                                                    \
        __VA_ARGS__;                                                                                                   \
    }

ANSWER(count_below_0, decision->scheduled_count = -1)
ANSWER(count_above_the_rows, decision->scheduled_count = 4)
ANSWER(count_far_above, decision->scheduled_count = INT64_MAX)
ANSWER(preempted_below_0, decision->preempted_count = INT64_MIN)
ANSWER(preempted_above_the_running, decision->preempted_count = 3)
ANSWER(row_below_0, schedule(decision, 1, 1), schedule(decision, -1, 1))
ANSWER(row_above_the_rows, schedule(decision, 3, 1))
ANSWER(row_far_above, schedule(decision, INT64_MAX, 1))
ANSWER(row_twice, schedule(decision, 1, 1), schedule(decision, 1, 1))
ANSWER(row_preempted_and_scheduled, preempt(decision, 1), schedule(decision, 1, 1))
ANSWER(waiting_row_preempted, preempt(decision, 2))
ANSWER(preempted_row_below_0, preempt(decision, -1))
ANSWER(row_preempted_twice, preempt(decision, 1), preempt(decision, 1))
ANSWER(no_tokens, schedule(decision, 1, 0))
ANSWER(tokens_below_0, schedule(decision, 1, INT32_MIN))
ANSWER(too_many_for_a_decode, schedule(decision, 0, 2))
ANSWER(too_many_for_a_chunk, schedule(decision, 1, 3))
ANSWER(too_many_for_a_prompt, preempt(decision, 0), schedule(decision, 2, 3))
ANSWER(above_the_slots, schedule(decision, 2, 1))
ANSWER(switch_2, decision->decode_rest = 2)
ANSWER(switch_below_0, decision->until_change = -1)
ANSWER(switch_of_memory, decision->short_of_memory = 7)
ANSWER(reserved, decision->reserved_2 = 1)
ANSWER(wait_for_now, decision->wait_until = 1.0)
ANSWER(wait_for_the_past, decision->wait_until = 0.25)
ANSWER(wait_below_0, decision->wait_until = -1.0)
ANSWER(wait_for_no_number, decision->wait_until = NAN)
ANSWER(wait_and_schedule, decision->wait_until = 2.0, schedule(decision, 1, 1))
ANSWER(wait_and_preempt, decision->wait_until = 2.0, preempt(decision, 1))
ANSWER(wait_and_decode, decision->wait_until = 2.0, decision->decode_rest = 1)

static void assert_refused(struct engine *engine, step answer, const char *sentence) {
    struct script script = SCRIPT(see_0, answer);
    engine_follow(engine, &script);
    engine->summary.iterations = -7;
    assert_fails(batching_simulate(&engine->config, &engine->requests, &engine->results, &engine->summary),
                 BATCHING_ERROR_INVALID_ARGUMENT, sentence);
    assert_int_equal(script.calls, 2);
    /* The summary is written only by a run that succeeds. */
    assert_int_equal(engine->summary.iterations, -7);
}

#define IN_1 "the policy's answer for iteration 1: "

static void an_answer_that_is_not_valid_ends_the_run_with_a_sentence(void **state) {
    (void)state;
    const struct {
        step answer;
        const char *sentence;
    } cases[] = {
        {count_below_0, IN_1 "scheduled_count is -1: must be between 0 and the number of rows of the view, 3"},
        {count_above_the_rows, IN_1 "scheduled_count is 4: must be between 0 and the number of rows of the view, 3"},
        {count_far_above, IN_1 "scheduled_count is 9223372036854775807: "},
        {preempted_below_0,
         IN_1 "preempted_count is -9223372036854775808: must be between 0 and the number of rows that run, 2"},
        {preempted_above_the_running,
         IN_1 "preempted_count is 3: must be between 0 and the number of rows that run, 2"},
        {row_below_0,
         IN_1 "scheduled_row[1] is -1: must be at least 0 and less than the number of rows of the view, 3"},
        {row_above_the_rows,
         IN_1 "scheduled_row[0] is 3: must be at least 0 and less than the number of rows of the view, 3"},
        {row_far_above, IN_1
         "scheduled_row[0] is 9223372036854775807: must be at least 0 and less than the number of rows of the view, 3"},
        {row_twice, IN_1 "scheduled_row[1] is 1: that row is scheduled already"},
        {row_preempted_and_scheduled, IN_1 "scheduled_row[0] is 1: that row is preempted in the same answer"},
        {waiting_row_preempted,
         IN_1 "preempted_row[0] is 2: must be at least 0 and less than the number of rows that run, 2"},
        {preempted_row_below_0,
         IN_1 "preempted_row[0] is -1: must be at least 0 and less than the number of rows that run, 2"},
        {row_preempted_twice, IN_1 "preempted_row[1] is 1: that row is preempted already"},
        {no_tokens, IN_1 "scheduled_tokens[0] is 0: must be between 1 and the 2 that request 0 has yet to compute"},
        {tokens_below_0, IN_1 "scheduled_tokens[0] is -2147483648: must be between 1 and the 2"},
        {too_many_for_a_decode, IN_1 "scheduled_tokens[0] is 2: must be between 1 and the 1 that request 1"},
        {too_many_for_a_chunk, IN_1 "scheduled_tokens[0] is 3: must be between 1 and the 2 that request 0"},
        {too_many_for_a_prompt, IN_1 "scheduled_tokens[0] is 3: must be between 1 and the 2 that request 2"},
        {above_the_slots, IN_1 "the number of requests running is 3: must be at most max_num_seqs, which is 2"},
        {switch_2, IN_1 "decode_rest is 2: must be 0 or 1"},
        {switch_below_0, IN_1 "until_change is -1: must be 0 or 1"},
        {switch_of_memory, IN_1 "short_of_memory is 7: must be 0 or 1"},
        {reserved, IN_1 "reserved_2 is 1: must be 0"},
        {wait_for_now, IN_1 "wait_until is 1.0: must be after now, which is 1.0"},
        {wait_for_the_past, IN_1 "wait_until is 0.25: must be after now, which is 1.0"},
        {wait_below_0, IN_1 "wait_until is -1.0: must be between 0 and"},
        {wait_for_no_number, IN_1 "wait_until is nan: must be between 0 and"},
        {wait_and_schedule, IN_1 "wait_until is 2.0: must be 0 if a row is scheduled or preempted"},
        {wait_and_preempt, IN_1 "wait_until is 2.0: must be 0 if a row is scheduled or preempted"},
        {wait_and_decode, IN_1 "wait_until is 2.0: must be 0 if a row is scheduled or preempted"},
    };
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        struct engine engine;
        engine_init_worked(&engine);
        assert_refused(&engine, cases[at].answer, cases[at].sentence);
    }
    struct engine engine;
    engine_init_worked(&engine);
    engine.config.max_num_seqs = 3;
    struct script script = SCRIPT(schedule_all);
    engine_follow(&engine, &script);
    /* Two prompts of 3. */
    assert_fails(batching_simulate(&engine.config, &engine.requests, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                 "iteration 0: the number of tokens is 6: must be at most max_num_batched_tokens, which is 4");
}

/* Three of one token each are admitted in two iterations; then all decode, unnamed. */
ANSWER(admit_two, schedule(decision, 0, 1), schedule(decision, 1, 1))
ANSWER(admit_the_third, schedule(decision, 2, 1))
ANSWER(decode_rest, decision->decode_rest = 1)

static void rows_that_decode_unnamed_count_against_the_budget(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(admit_two, admit_the_third, decode_rest);
    engine_init(&engine, 3);
    engine.config.max_num_batched_tokens = 2;
    engine.requests.output_length = LENGTHS(9, 9, 9);
    engine_follow(&engine, &script);
    assert_fails(batching_simulate(&engine.config, &engine.requests, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                 "iteration 2: the number of tokens is 3: must be at most max_num_batched_tokens, which is 2");
}

/* Four blocks: both prompts fit, and so does a token more for each, but not the one after that. */
static void an_answer_that_needs_more_blocks_than_there_are_is_refused(void **state) {
    (void)state;
    const step how[] = {decode_rest, schedule_all};
    for (int at = 0; at < 2; at++) {
        struct engine engine;
        struct script script = SCRIPT(schedule_all, how[at]);
        engine_init_short_of_memory(&engine);
        engine_follow(&engine, &script);
        assert_fails(
            batching_simulate(&engine.config, &engine.requests, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
            "the policy's answer for iteration 2: the number of KV blocks needed is 2: must be at most the free "
            "ones, which are 0");
    }
    struct engine engine;
    struct script script = SCRIPT(schedule_all);
    engine_init_short_of_memory(&engine);
    engine.config.num_gpu_blocks = 4;
    engine.config.admit_oversized = 1;
    engine_follow(&engine, &script);
    assert_fails(batching_simulate(&engine.config, &engine.requests, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                 "iteration 0: the number of KV blocks needed is 4: must be at most the free ones, which are 3");
}

/* The last that runs makes room, and is given tokens again once there is some. */
static void make_room(const batching_policy_view *view, batching_policy_decision *decision) {
    int64_t needed = 0;
    for (int64_t row = 0; row < view->running_count; row++) {
        needed += view->computed_tokens[row] % view->block_size == 0;
    }
    if (needed > view->kv_blocks_free) {
        preempt(decision, view->running_count - 1);
    }
    if (view->running_count == 0) {
        schedule_all(view, decision);
    }
    decision->decode_rest = 1;
}

static void a_policy_that_makes_room_decides_what_vllm_does(void **state) {
    (void)state;
    struct engine vllm, own;
    struct script script = SCRIPT(make_room);
    engine_init_short_of_memory(&vllm);
    engine_run(&vllm);
    engine_init_short_of_memory(&own);
    engine_follow(&own, &script);
    engine_run(&own);
    assert_memory_equal(&own.summary, &vllm.summary, sizeof own.summary);
    assert_memory_equal(own.start_time, vllm.start_time, sizeof own.start_time);
    assert_memory_equal(own.end_time, vllm.end_time, sizeof own.end_time);
    assert_memory_equal(own.preemptions, vllm.preemptions, sizeof own.preemptions);
    assert_int_equal(own.summary.preemptions, 1);
}

static void a_policy_that_answers_other_than_0_stops_the_run(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(schedule_all);
    script.returned = -3;
    engine_init(&engine, 1);
    engine_follow(&engine, &script);
    assert_fails(batching_simulate(&engine.config, &engine.requests, &engine.results, &engine.summary),
                 BATCHING_ERROR_CANCELLED, "policy_callback returned -3: the run was stopped");
    assert_int_equal(script.calls, 1);
}

/* What the callback does to the columns' pointers is of no account. */
static void write_anywhere(const batching_policy_view *view, batching_policy_decision *decision) {
    schedule_all(view, decision);
    decision->scheduled_row = decision->preempted_row = NULL;
    decision->scheduled_tokens = NULL;
    decision->capacity = INT64_MAX;
    decision->struct_size = decision->reserved = 1;
}

static void the_pointers_of_a_decision_are_not_read_back(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(write_anywhere);
    engine_init(&engine, 2);
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_int_equal(engine.summary.finished, 2);
}

/* Ten thousand tokens for each of two requests, the second of which arrives after a hundred seconds. */
ANSWER(decode_until_change, decode_all(view, decision), decision->until_change = 1)

static void a_policy_is_not_asked_again_before_something_happens(void **state) {
    (void)state;
    struct engine asked, unasked;
    struct script often = SCRIPT(decode_all), seldom = SCRIPT(decode_until_change);
    struct engine *engines[] = {&asked, &unasked};
    for (int at = 0; at < 2; at++) {
        engine_init(engines[at], 2);
        engines[at]->requests.output_length = LENGTHS(10000, 9000);
        engines[at]->requests.arrival_time = TIMES(0.0, 100.0);
        engine_follow(engines[at], at == 0 ? &often : &seldom);
        engine_run(engines[at]);
    }
    assert_int_equal(often.calls, 10000);
    /* For the first, for the second, when the second finishes (the iteration of its last token, and the one after), and
     * for the first's last token. */
    assert_int_equal(seldom.calls, 5);
    assert_memory_equal(&asked.summary, &unasked.summary, sizeof asked.summary);
    assert_memory_equal(asked.end_time, unasked.end_time, sizeof asked.end_time);
    assert_times(asked.end_time, 10000.0, 9100.0);
}

static void where_a_policy_decides_nothing_the_run_waits_for_arrivals_and_ends(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(schedule_all, decide_nothing);
    engine_init(&engine, 2);
    engine.requests.output_length = LENGTHS(3, 3);
    engine.requests.arrival_time = TIMES(0.0, 50.0);
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_STUCK);
    assert_int_equal(engine.summary.finished, 0);
    assert_integers(engine.status, BATCHING_REQUEST_STUCK, BATCHING_REQUEST_STUCK);
    assert_integers(engine.tokens_generated, 1, 0);
    /* After the first iteration, and when the second has arrived. */
    assert_int_equal(script.calls, 3);
}

ANSWER(wait_a_nanosecond, decision->wait_until = view->time + 1e-9)

static void a_policy_that_waits_for_ever_is_stuck(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(wait_a_nanosecond);
    engine_init(&engine, 1);
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_STUCK);
    assert_int_equal(script.calls, 1001);
    assert_integers(engine.status, BATCHING_REQUEST_STUCK);
}

ANSWER(preempt_first, if (view->running_count > 0) preempt(decision, 0); else schedule(decision, 0, 1))

static void a_policy_that_preempts_for_ever_is_stuck(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(preempt_first);
    engine_init(&engine, 1);
    engine.requests.prompt_length = LENGTHS(5);
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_STUCK);
    assert_int_equal(engine.summary.preemptions, 1000);
    assert_int_equal(engine.summary.recomputed_tokens, 999);
}

/* A second after the arrival of the first, or when the second arrives. */
static void wait_for_a_batch(const batching_policy_view *view, batching_policy_decision *decision) {
    if (view->running_count > 0 || view->count == 2 || view->time >= view->arrival_time[0] + 1.0) {
        schedule_all(view, decision);
    } else {
        decision->wait_until = view->arrival_time[0] + 1.0;
    }
}

static void a_policy_may_wait_until_a_time_or_an_arrival(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(wait_for_a_batch);
    engine_init(&engine, 3);
    engine.requests.arrival_time = TIMES(0.25, 0.75, 10.5);
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_times(engine.start_time, 0.75, 0.75, 11.5);
    assert_times(engine.end_time, 1.75, 1.75, 12.5);
    assert_int_equal(engine.summary.iterations, 2);
}

/* --- With a prefix cache: two prompts of five tokens in blocks of two, of which four are the same. ------------------ */

static void assert_found(const batching_policy_view *view, int64_t row, int64_t cached, int64_t unshared) {
    int64_t cached_tokens = -1, unshared_kv_blocks = -1;
    assert_int_equal(batching_policy_look_up(view, &row, 1, &cached_tokens, &unshared_kv_blocks), BATCHING_OK);
    assert_int_equal(cached_tokens, cached);
    assert_int_equal(unshared_kv_blocks, unshared);
}

static void admit_the_first(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_int_equal(view->kv_blocks_free, 8);
    assert_found(view, 0, 0, 0);
    assert_found(view, 1, 0, 0);
    schedule(decision, 0, 5);
}

/* What the first has computed the second need not; both hold those blocks from then on. */
static void admit_the_second(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_int_equal(view->kv_blocks_free, 5);
    assert_found(view, 0, 0, 3);
    assert_found(view, 1, 4, 0);
    int64_t rows[2] = {1, 0}, cached[2] = {-1, -1};
    assert_int_equal(batching_policy_look_up(view, rows, 2, cached, NULL), BATCHING_OK);
    assert_int_equal(cached[0], 4);
    assert_int_equal(cached[1], 0);
    schedule(decision, 0, 1);
    schedule(decision, 1, 1);
}

static void see_both(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_int_equal(view->running_count, 2);
    assert_int_equal(view->kv_blocks_free, 4);
    assert_int_equal(view->kv_blocks[1], 3);
    assert_int_equal(view->computed_tokens[1], 5);
    assert_found(view, 0, 0, 1);
    assert_found(view, 1, 0, 1);
    decision->decode_rest = 1;
}

/* The second is alone: all that it holds is its own. */
static void see_the_second(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_int_equal(view->count, 1);
    assert_int_equal(view->kv_blocks[0], view->iteration == 3 ? 3 : 4);
    assert_found(view, 0, 0, view->kv_blocks[0]);
    schedule(decision, 0, 1);
}

static void engine_init_sharing(struct engine *engine) {
    static const int32_t prompt_length[] = {5, 5};
    static const int32_t output_length[] = {3, 4};
    static const int64_t hash_ids[] = {10, 11, 10, 11};
    static const int64_t hash_offsets[] = {0, 2, 4};
    engine_init(engine, 2);
    engine->config.num_gpu_blocks = 9;
    engine->config.block_size = 2;
    engine->config.enable_prefix_caching = 1;
    engine->requests.prompt_length = prompt_length;
    engine->requests.output_length = output_length;
    engine->requests.hash_ids = hash_ids;
    engine->requests.hash_offsets = hash_offsets;
    engine->requests.hash_block_size = 2;
}

static void a_policy_sees_what_is_cached_and_what_is_shared(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(admit_the_first, admit_the_second, see_both, see_the_second);
    engine_init_sharing(&engine);
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_times(engine.start_time, 0.0, 1.0);
    assert_times(engine.first_token_time, 1.0, 2.0);
    assert_times(engine.end_time, 3.0, 5.0);
    assert_integers(engine.prefix_cached_tokens, 0, 4);
    assert_int_equal(engine.summary.prefix_cache_queries, 10);
    assert_int_equal(engine.summary.prefix_cache_hits, 4);
    assert_int_equal(engine.summary.prefill_tokens, 5 + 1);
}

static void compute_what_is_cached(const batching_policy_view *view, batching_policy_decision *decision) {
    (void)view;
    schedule(decision, 1, 2);
}

static void tokens_that_are_cached_are_not_computed(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(admit_the_first, compute_what_is_cached);
    engine_init_sharing(&engine);
    engine_follow(&engine, &script);
    assert_fails(
        batching_simulate(&engine.config, &engine.requests, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
        "iteration 1: scheduled_tokens[0] is 2: must be between 1 and the 1 that request 1 has yet to compute");
}

/* Three prompts of 3, 3 and 6 tokens, in four blocks: the first two fill them. The third finds the first's first block, so
 * that, preempted, the first gives back one. */
static void admit_both(const batching_policy_view *view, batching_policy_decision *decision) {
    (void)view;
    schedule(decision, 0, 3);
    schedule(decision, 1, 3);
}

static void preempt_what_is_found(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_int_equal(view->kv_blocks_free, 0);
    assert_found(view, 0, 0, 2);
    assert_found(view, 2, 2, 0);
    preempt(decision, 0);
    schedule(decision, 2, 4);
}

static void preempt_what_is_found_for_less(const batching_policy_view *view, batching_policy_decision *decision) {
    (void)view;
    preempt(decision, 0);
    schedule(decision, 2, 2);
}

static void see_what_is_left(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_int_equal(view->running_count, 2);
    assert_integers(view->request, 1, 2, 0);
    assert_integers(view->kv_blocks, 2, 2, 0);
    assert_int_equal(view->kv_blocks_free, 0);
    assert_found(view, 2, 2, 0);
    schedule(decision, 0, 1);
}

static void engine_init_short(struct engine *engine) {
    static const int32_t prompt_length[] = {3, 3, 6};
    static const int32_t output_length[] = {3, 2, 2};
    static const int64_t hash_ids[] = {10, 10};
    static const int64_t hash_offsets[] = {0, 1, 1, 2};
    engine_init(engine, 3);
    engine->config.num_gpu_blocks = 5;
    engine->config.block_size = 2;
    engine->config.enable_prefix_caching = 1;
    engine->config.iteration_limit = 3;
    engine->requests.prompt_length = prompt_length;
    engine->requests.output_length = output_length;
    engine->requests.hash_ids = hash_ids;
    engine->requests.hash_offsets = hash_offsets;
    engine->requests.hash_block_size = 2;
}

static void a_block_that_is_found_is_not_given_back(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(admit_both, preempt_what_is_found);
    engine_init_short(&engine);
    engine_follow(&engine, &script);
    assert_fails(batching_simulate(&engine.config, &engine.requests, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                 "iteration 1: the number of KV blocks needed is 2: must be at most the free ones, which are 1");
    engine_init_short(&engine);
    script = (struct script)SCRIPT(admit_both, preempt_what_is_found_for_less, see_what_is_left);
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_int_equal(script.calls, 3);
    assert_times(engine.end_time, NAN, 3.0, NAN);
    assert_integers(engine.prefix_cached_tokens, 0, 0, 2);
}

static void look_up_what_cannot_be(const batching_policy_view *view, batching_policy_decision *decision) {
    int64_t row = view->count, cached = 7, unshared = 7;
    assert_fails(batching_policy_look_up(view, &row, 1, &cached, &unshared), BATCHING_ERROR_INVALID_ARGUMENT,
                 "rows[0] is 2: must be at least 0 and less than the number of rows of the view, 2");
    int64_t rows[2] = {0, -1};
    assert_fails(batching_policy_look_up(view, rows, 2, &cached, &unshared), BATCHING_ERROR_INVALID_ARGUMENT,
                 "rows[1] is -1: must be at least 0 and less than the number of rows of the view, 2");
    row = 0;
    assert_fails(batching_policy_look_up(view, &row, -1, &cached, &unshared), BATCHING_ERROR_INVALID_ARGUMENT,
                 "count is -1: must be at least 0");
    assert_fails(batching_policy_look_up(NULL, &row, 1, &cached, NULL), BATCHING_ERROR_NULL_POINTER, "view is NULL");
    assert_fails(batching_policy_look_up(view, NULL, 1, &cached, NULL), BATCHING_ERROR_NULL_POINTER, "rows is NULL");
    assert_fails(batching_policy_look_up(view, &row, 1, NULL, NULL), BATCHING_ERROR_NULL_POINTER,
                 "cached_tokens is NULL");
    assert_int_equal(cached, 7);
    assert_int_equal(unshared, 7);
    assert_int_equal(batching_policy_look_up(view, NULL, 0, NULL, NULL), BATCHING_OK);
    schedule_all(view, decision);
}

static void a_row_that_is_not_there_cannot_be_looked_up(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(look_up_what_cannot_be, decode_all);
    engine_init_sharing(&engine);
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_int_equal(engine.summary.finished, 2);
}

/* Without a cache nothing is found, and each holds its blocks alone. */
static void find_nothing(const batching_policy_view *view, batching_policy_decision *decision) {
    for (int64_t row = 0; row < view->count; row++) {
        assert_found(view, row, 0, view->kv_blocks[row]);
    }
    schedule_all(view, decision);
}

static void without_a_cache_nothing_is_found(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(find_nothing);
    engine_init_sharing(&engine);
    engine.config.enable_prefix_caching = 0;
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_int_equal(engine.summary.finished, 2);
}

/* --- Asynchronously: a prompt of three tokens and an answer of three, each batch scheduled while the one before runs. */

static void assert_tokens(const batching_policy_view *view, double time, int32_t generated, int64_t computed) {
    assert_double_equal(view->time, time);
    assert_int_equal(view->running_count, view->iteration > 0);
    assert_int_equal(view->generated_tokens[0], generated);
    assert_int_equal(view->computed_tokens[0], computed);
}

static void prefill(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_tokens(view, 0.0, 0, 0);
    schedule(decision, 0, 3);
}

static void decode_what_is_on_its_way(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_tokens(view, 0.0, 1, 3);
    schedule(decision, 0, 1);
}

static void decode_the_last(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_tokens(view, 1.0, 2, 4);
    decision->decode_rest = 1;
}

/* Its third token is on its way, and nothing is computed from it. */
static void await_the_last(const batching_policy_view *view, batching_policy_decision *decision) {
    assert_tokens(view, 2.0, 2, 5);
    decision->decode_rest = 1;
}

static void decode_nothing(const batching_policy_view *view, batching_policy_decision *decision) {
    (void)view;
    schedule(decision, 0, 1);
}

static void wait_for_the_last(const batching_policy_view *view, batching_policy_decision *decision) {
    decision->wait_until = view->time + 100.0;
}

static void engine_init_ahead(struct engine *engine) {
    static const int32_t prompt_length[] = {3};
    static const int32_t output_length[] = {3};
    engine_init(engine, 1);
    engine->config.async_scheduling = 1;
    engine->requests.prompt_length = prompt_length;
    engine->requests.output_length = output_length;
}

static void a_policy_sees_the_tokens_on_their_way(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(prefill, decode_what_is_on_its_way, decode_the_last, await_the_last);
    engine_init_ahead(&engine);
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_int_equal(script.calls, 4);
    assert_times(engine.first_token_time, 1.0);
    assert_times(engine.end_time, 3.0);
    assert_int_equal(engine.summary.iterations, 4);
    assert_int_equal(engine.summary.decode_tokens, 2);

    engine_init_ahead(&engine);
    script = (struct script)SCRIPT(prefill, decode_what_is_on_its_way, decode_the_last, decode_nothing);
    engine_follow(&engine, &script);
    assert_fails(
        batching_simulate(&engine.config, &engine.requests, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
        "iteration 3: scheduled_row[0] is 0: the last token of request 0 is on its way, and nothing is left to "
        "compute");

    /* It need not schedule an empty batch: the wait ends with the batch under way, and so does the run. */
    engine_init_ahead(&engine);
    script = (struct script)SCRIPT(prefill, decode_what_is_on_its_way, decode_the_last, wait_for_the_last);
    engine_follow(&engine, &script);
    engine_run(&engine);
    assert_int_equal(script.calls, 4);
    assert_times(engine.end_time, 3.0);
    assert_int_equal(engine.summary.iterations, 3);
}

static void what_a_policy_of_the_callers_cannot_have_is_named(void **state) {
    (void)state;
    struct engine engine;
    struct script script = SCRIPT(schedule_all);
    engine_init(&engine, 1);
    engine_follow(&engine, &script);
    batching_engine_config *config = &engine.config;
    config->queue_order = BATCHING_QUEUE_PRIORITY;
    assert_fails(batching_simulate(config, &engine.requests, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                 "queue_order is 100: must be 0 with policy custom, which orders the waiting requests");
    config->queue_order = 0;
    config->enable_prefix_caching = 1;
    assert_fails(batching_simulate(config, &engine.requests, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                 "enable_prefix_caching is 1: must be 0 without num_gpu_blocks");
    config->enable_prefix_caching = 0;
    config->policy_callback = NULL;
    assert_fails(batching_simulate(config, &engine.requests, NULL, NULL), BATCHING_ERROR_NULL_POINTER,
                 "policy_callback is NULL");
    assert_int_equal(script.calls, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_sees_the_requests_and_its_decisions_are_carried_out),
        cmocka_unit_test(a_policy_without_a_limit_of_memory_is_told_so),
        cmocka_unit_test(an_answer_that_is_not_valid_ends_the_run_with_a_sentence),
        cmocka_unit_test(rows_that_decode_unnamed_count_against_the_budget),
        cmocka_unit_test(an_answer_that_needs_more_blocks_than_there_are_is_refused),
        cmocka_unit_test(a_policy_that_makes_room_decides_what_vllm_does),
        cmocka_unit_test(a_policy_that_answers_other_than_0_stops_the_run),
        cmocka_unit_test(the_pointers_of_a_decision_are_not_read_back),
        cmocka_unit_test(a_policy_is_not_asked_again_before_something_happens),
        cmocka_unit_test(where_a_policy_decides_nothing_the_run_waits_for_arrivals_and_ends),
        cmocka_unit_test(a_policy_that_waits_for_ever_is_stuck),
        cmocka_unit_test(a_policy_that_preempts_for_ever_is_stuck),
        cmocka_unit_test(a_policy_may_wait_until_a_time_or_an_arrival),
        cmocka_unit_test(a_policy_sees_what_is_cached_and_what_is_shared),
        cmocka_unit_test(tokens_that_are_cached_are_not_computed),
        cmocka_unit_test(a_block_that_is_found_is_not_given_back),
        cmocka_unit_test(a_row_that_is_not_there_cannot_be_looked_up),
        cmocka_unit_test(without_a_cache_nothing_is_found),
        cmocka_unit_test(a_policy_sees_the_tokens_on_their_way),
        cmocka_unit_test(what_a_policy_of_the_callers_cannot_have_is_named),
    };
    return cmocka_run_group_tests_name("engine_policy", tests, NULL, NULL);
}
