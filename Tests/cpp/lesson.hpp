// The four requests of a first lesson: by hand, static batching in pairs ends at 3.6 s and continuous at 2.3 s.
#pragma once

#include "batching.hpp"

#include <vector>

inline std::vector<batching::request> lesson_requests() {
    std::vector<batching::request> requests(4);
    const std::int32_t output_length[4] = {50, 200, 30, 150};
    const double arrival_time[4] = {0.0, 0.1, 0.2, 0.3};
    for (std::size_t index = 0; index < 4; ++index) {
        requests[index].id = static_cast<std::int64_t>(100 + index);
        requests[index].prompt_length = 10;
        requests[index].output_length = output_length[index];
        requests[index].arrival_time = arrival_time[index];
    }
    return requests;
}
