/* What the kernel says that the server, this process and the server's core have used. */
#include "load.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static double ticks(double count) {
    return count / sysconf(_SC_CLK_TCK);
}

static double server_seconds(void) {
    char path[64], line[2048];
    unsigned long user, system;
    snprintf(path, sizeof path, "/proc/%d/stat", options.pid);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file)) fail("the server is gone");
    fclose(file);
    char *after = strrchr(line, ')');
    if (!after || sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                         &system) != 2)
        fail("%s is not what it should be", path);
    return ticks(user + system);
}

/* How long the core has been busy since the machine started, with whatever. */
static double core_seconds(void) {
    char line[1024], name[16];
    unsigned long long t[8];
    double busy = -1;
    FILE *file = fopen("/proc/stat", "r");
    snprintf(name, sizeof name, "cpu%d ", options.core);
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, name, strlen(name))) continue;
        if (sscanf(line + strlen(name), "%llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1],
                   &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) == 8)
            busy = ticks(t[0] + t[1] + t[2] + t[5] + t[6] + t[7]); /* without idle and iowait */
    }
    if (file) fclose(file);
    if (busy < 0) fail("/proc/stat does not say what core %d does", options.core);
    return busy;
}

struct usage read_usage(void) {
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    return (struct usage){
        .wall = (double)now() / SECOND,
        .server = server_seconds(),
        .generator = own.ru_utime.tv_sec + own.ru_stime.tv_sec +
                     (own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6,
        .core = core_seconds(),
    };
}

uint64_t resident_bytes(void) {
    char path[64], line[256];
    unsigned long long kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", options.pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Rss: %llu", &kilobytes) == 1) break;
    if (file) fclose(file);
    if (!kilobytes) fail("/proc does not say how much memory the server has");
    return kilobytes * 1024;
}
