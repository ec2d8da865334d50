// The same as views.c, through the C++ binding.
#include "batching.hpp"

#include <iostream>
#include <string>

int main() {
    std::size_t count = 0;
    double ttft = 0, e2e = 0;
    while (std::cin >> count >> ttft >> e2e) {
        batching::serving_metrics_config options;
        options.slo_ttft = ttft;
        options.slo_e2e = e2e;
        std::vector<double> arrival(count), first(count), end(count);
        std::vector<std::int32_t> prompt(count), output(count);
        std::vector<std::uint8_t> success(count);
        for (std::size_t i = 0; i < count; ++i) {
            // A stream does not read "nan".
            std::string times[3];
            int answered = 0;
            std::cin >> times[0] >> times[1] >> times[2] >> prompt[i] >> output[i] >> answered;
            arrival[i] = std::stod(times[0]);
            first[i] = std::stod(times[1]);
            end[i] = std::stod(times[2]);
            success[i] = static_cast<std::uint8_t>(answered);
        }
        batching::recorded_view recorded;
        recorded.set_arrival_time(arrival);
        recorded.set_first_token_time(first);
        recorded.set_end_time(end);
        recorded.set_prompt_length(prompt);
        recorded.set_output_length(output);
        recorded.set_success(success);
        const auto metrics = batching::measure(recorded, options);
        std::cout << metrics.completed << ' ' << metrics.failed << ' ' << metrics.judged << ' ' << metrics.good << ' '
                  << metrics.total_output_tokens << '\n';
    }
}
