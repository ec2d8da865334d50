/*
 * A C program with Python inside: both call libbatching, and it is one library in one process.
 *
 *     cc embed_python.c -o embed_python $(pkg-config --cflags --libs batching python3-embed)
 *     VIRTUAL_ENV=.venv ./embed_python
 *
 * VIRTUAL_ENV is a virtual environment (what `activate` sets it to) in which `import batching` works. If the package
 * there brings a libbatching of its own, BATCHING_LIBRARY has to name the one that this program is linked with.
 *
 * embed_python.expected: the run is that of quickstart.c, 430 tokens in 2.3 s.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdio.h>
#include <stdlib.h>

#include <batching.h>

/*
 * The same run through the Python package, and where its library is in this process's memory. The package's handle is
 * private: only a proof needs it.
 */
static const char SCRIPT[] =
    "import ctypes\n"
    "import batching\n"
    "from batching._ffi.loader import library\n"
    "\n"
    "columns = batching.RequestColumns(output_length=[50, 200, 30, 150], arrival_time=[0.0, 0.1, 0.2, 0.3])\n"
    "result = batching.simulate_continuous(columns, 2, time_per_token=0.01)\n"
    "total_time, throughput = result.total_time, result.throughput\n"
    "\n"
    "address = ctypes.cast(library.batching_version, ctypes.c_void_p).value\n"
    "with open('/proc/self/maps') as maps:\n"
    "    copies = len({line.split()[4] for line in maps if 'libbatching' in line})  # by inode\n";

static void check(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
        exit(EXIT_FAILURE);
    }
}

static batching_summary run_in_c(void) {
    const int32_t output_length[4] = {50, 200, 30, 150};
    const double arrival_time[4] = {0.0, 0.1, 0.2, 0.3};
    batching_requests requests;
    batching_summary summary;
    check(batching_requests_init(&requests, sizeof requests));
    check(batching_summary_init(&summary, sizeof summary));
    requests.count = 4;
    requests.output_length = output_length;
    requests.arrival_time = arrival_time;
    check(batching_continuous_simulate(&requests, 2, 0.01, NULL, &summary));
    return summary;
}

/* Python finds a virtual environment by the path of the interpreter that it is told to be. */
static void start_python(void) {
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    const char *environment = getenv("VIRTUAL_ENV");
    PyStatus status = PyStatus_Ok();
    if (environment != NULL) {
        char program[4096];
        snprintf(program, sizeof program, "%s/bin/python3", environment);
        status = PyConfig_SetBytesString(&config, &config.program_name, program);
    }
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }
}

static PyObject *variable(PyObject *variables, const char *name) {
    PyObject *value = PyDict_GetItemString(variables, name);
    if (value == NULL) {
        fprintf(stderr, "the script sets no %s\n", name);
        exit(EXIT_FAILURE);
    }
    return value;
}

int main(void) {
    batching_summary in_c = run_in_c();
    printf("C:      continuous batching takes %.1f s, %.1f tokens/s\n", in_c.total_time, in_c.throughput);

    start_python();
    PyObject *variables = PyDict_New();
    PyDict_SetItemString(variables, "__builtins__", PyEval_GetBuiltins());
    PyObject *nothing = PyRun_String(SCRIPT, Py_file_input, variables, variables);
    if (nothing == NULL) {
        PyErr_Print();
        return EXIT_FAILURE;
    }
    Py_DECREF(nothing);
    double total_time = PyFloat_AsDouble(variable(variables, "total_time"));
    double throughput = PyFloat_AsDouble(variable(variables, "throughput"));
    long copies = PyLong_AsLong(variable(variables, "copies"));
    void *address = PyLong_AsVoidPtr(variable(variables, "address"));
    printf("Python: continuous batching takes %.1f s, %.1f tokens/s\n", total_time, throughput);

    int same_results = total_time == in_c.total_time && throughput == in_c.throughput;
    int same_function = address == (void *)batching_version;
    printf("the same results: %s\n", same_results ? "yes" : "no");
    printf("copies of libbatching in this process: %ld\n", copies);
    printf("batching_version at the same address: %s\n", same_function ? "yes" : "no");
    Py_DECREF(variables);
    return Py_FinalizeEx() == 0 && same_results && same_function && copies == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
