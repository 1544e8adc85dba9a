/* load --protocol NAME --port N --pid N --core N --path PATH [OPTION ...] PHASE ...
 * load ... joins ALONE AT_ONCE
 * load ... idle UNCOUNTED COUNTED SETTLE_SECONDS
 */
#include "load.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

struct options options = {
    .path = "/",
    .documents = 1,
    .peers = 10,
    .writers = 10,
    .warm_up = 0.5,
};

static const struct protocol *const protocols[] = {&ywebsocket, &hocuspocus, &native, &sharedb};

static const struct protocol *find_protocol(const char *name) {
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (!strcmp(protocols[i]->name, name)) return protocols[i];
    fail("no such protocol: %s", name);
}

static void read_options(int count, char **arguments) {
    static const struct option known[] = {
        {"protocol", required_argument, NULL, 'p'}, {"port", required_argument, NULL, 'P'},
        {"pid", required_argument, NULL, 'i'},      {"core", required_argument, NULL, 'c'},
        {"path", required_argument, NULL, 'a'},     {"documents", required_argument, NULL, 'd'},
        {"peers", required_argument, NULL, 'n'},    {"writers", required_argument, NULL, 'w'},
        {"warm-up", required_argument, NULL, 'u'},  {"strict", no_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(count, arguments, "+", known, NULL)) != -1;) {
        switch (option) {
        case 'p': options.protocol = find_protocol(optarg); break;
        case 'P': options.port = atoi(optarg); break;
        case 'i': options.pid = atoi(optarg); break;
        case 'c': options.core = atoi(optarg); break;
        case 'a': options.path = optarg; break;
        case 'd': options.documents = atoi(optarg); break;
        case 'n': options.peers = atoi(optarg); break;
        case 'w': options.writers = atoi(optarg); break;
        case 'u': options.warm_up = atof(optarg); break;
        case 's': options.is_strict = true; break;
        default: fail("see the beginning of main.c");
        }
    }
    if (!options.protocol || !options.port) fail("--protocol and --port are needed");
    if (options.documents < 1 || options.writers < 1 || options.peers < options.writers)
        fail("there must be documents, writers, and no more writers than peers");
}

int main(int count, char **arguments) {
    read_options(count, arguments);
    char **rest = arguments + optind;
    int left = count - optind;
    start_loop();
    if (left == 3 && !strcmp(rest[0], "joins")) measure_joins(atoi(rest[1]), atoi(rest[2]));
    else if (left == 4 && !strcmp(rest[0], "idle"))
        measure_idle(atoi(rest[1]), atoi(rest[2]), atof(rest[3]));
    else measure_phases(rest, left);
    return 0;
}
