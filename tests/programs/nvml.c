// A driver's library of GPUs that aren't there: as much of NVML as mocolab asks for. The file named by FAKE_GPUS has a line a
// GPU, its UUID and then the processes on it, as PID or PID:MIB; it is read anew at each question.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned pid; unsigned long long memory; unsigned gpu, compute; } process_t;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_t;
typedef struct { unsigned gpu, memory; } rates_t;
enum { OK = 0, NOT_FOUND = 6, TOO_SMALL = 7 };

static int line(size_t at, char *text, int size) {
    FILE *file = fopen(getenv("FAKE_GPUS"), "r");
    int found = 0;
    if (!file) return 0;
    for (size_t number = 0; fgets(text, size, file); number++)
        if (number == at) { found = 1; break; }
    fclose(file);
    text[strcspn(text, "\n")] = 0;
    return found;
}

// A handle is the number of the line, plus one.
static size_t number(void *gpu) { return (size_t)gpu - 1; }

static unsigned processes(void *gpu, process_t *all, unsigned room) {
    char text[4096];
    unsigned count = 0;
    if (!line(number(gpu), text, sizeof text)) return 0;
    strtok(text, " ");
    for (char *word = strtok(NULL, " "); word; word = strtok(NULL, " ")) {
        char *mib = strchr(word, ':');
        if (count < room) {
            memset(&all[count], 0, sizeof all[count]);
            all[count].pid = (unsigned)atoi(word);
            all[count].memory = mib ? strtoull(mib + 1, NULL, 10) << 20 : 0;
        }
        count++;
    }
    return count;
}

int nvmlInit_v2(void) { return OK; }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) { return code == NOT_FOUND ? "not found" : "an error"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    char text[4096];
    for (*count = 0; line(*count, text, sizeof text); ++*count) {}
    return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **gpu) {
    char text[4096];
    *gpu = (void *)((size_t)index + 1);
    return line(index, text, sizeof text) ? OK : NOT_FOUND;
}

int nvmlDeviceGetUUID(void *gpu, char *uuid, unsigned size) {
    char text[4096];
    if (!line(number(gpu), text, sizeof text)) return NOT_FOUND;
    text[strcspn(text, " ")] = 0;
    snprintf(uuid, size, "%s", text);
    return OK;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **gpu) {
    char own[256];
    for (unsigned index = 0; nvmlDeviceGetHandleByIndex_v2(index, gpu) == OK; index++)
        if (nvmlDeviceGetUUID(*gpu, own, sizeof own) == OK && !strcmp(own, uuid)) return OK;
    return NOT_FOUND;
}

int nvmlDeviceGetName(void *gpu, char *name, unsigned size) { (void)gpu; snprintf(name, size, "Fake GPU"); return OK; }

int nvmlDeviceGetMemoryInfo_v2(void *gpu, memory_t *memory) {
    process_t all[64];
    unsigned count = processes(gpu, all, 64);
    memory->total = 80ULL << 30, memory->used = 0;
    for (unsigned at = 0; at < count && at < 64; at++) memory->used += all[at].memory;
    memory->reserved = 0, memory->free = memory->total - memory->used;
    return OK;
}

// Of all of them: the number in the file beside the one named by FAKE_GPUS.
int nvmlDeviceGetUtilizationRates(void *gpu, rates_t *rates) {
    char path[4096];
    (void)gpu;
    rates->gpu = rates->memory = 0;
    snprintf(path, sizeof path, "%s.busy", getenv("FAKE_GPUS"));
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%u", &rates->gpu) != 1) rates->gpu = 0;
        fclose(file);
    }
    return OK;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *gpu, unsigned *count, process_t *all) {
    unsigned room = *count;
    *count = processes(gpu, all, all ? room : 0);
    return *count > room ? TOO_SMALL : OK;
}
