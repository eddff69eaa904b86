/* A stand-in for NVIDIA's libnvidia-ml.so.1, for machines without a GPU: enough of nvml.h for nvidia-ml-py, for us and
 * for nvitop. Struct layouts and error numbers are those of nvml.h.
 *
 * What it pretends is said by environment variables; a file named by NVML_FILE holds more of them, one NAME=VALUE a line,
 * and is read again at every call, so that a test can change its mind. Lists are "GPU:VALUE", with commas between.
 *
 *   NVML_GPUS=8             how many (0 to 64; default 1)
 *   NVML_NAME=…             their name
 *   NVML_STILL=1            readings do not move with the clock
 *   NVML_UTIL=2:5           percent of GPU 2; so too NVML_TEMP (°C), NVML_POWER (W), NVML_USED (MB)
 *   NVML_THROTTLE=1:0x40    bits of why its clocks are held down
 *   NVML_PROCESSES=0:123    process 123 computes on GPU 0 (a pid may come again, on other GPUs)
 *   NVML_MIG=1:2            GPU 1 is cut into two instances
 *   NVML_LOST=3:1           GPU 3 fell off the bus
 *   NVML_HANG=20            every reading of the load takes 20 s longer: the driver hangs
 *   NVML_DELAY=50           every call takes 50 ms longer
 *   NVML_MISSING=name,name  functions that this driver does not have
 *   NVML_MISMATCH=1         the driver was updated under the loaded one
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, INVALID = 2, UNSUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7, MISSING = 13, LOST = 15, MISMATCH = 18 };
#define MOST 64
#define TOTAL_MB 81559ULL
#define MB (1024ULL * 1024)

typedef struct { int index, instance; } gpu_t;  /* instance: -1 for the whole GPU */
typedef gpu_t *gpu;
static struct { gpu_t whole, part[8]; } gpus[MOST];

/* ---- what is pretended */

static const char *setting(const char *name) {
    static char value[4096];
    const char *path = getenv("NVML_FILE");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (file) {
        char line[4096];
        size_t length = strlen(name);
        int found = 0;
        while (fgets(line, sizeof line, file))
            if (!strncmp(line, name, length) && line[length] == '=') {
                line[strcspn(line, "\n")] = 0;
                snprintf(value, sizeof value, "%.4000s", line + length + 1);
                found = 1;
            }
        fclose(file);
        if (found) return value;
    }
    const char *found = getenv(name);
    return found ? found : "";
}

static int count(void) {
    const char *asked = setting("NVML_GPUS");
    int number = *asked ? atoi(asked) : 1;
    return number < 0 ? 0 : number > MOST ? MOST : number;
}

/* The value behind "index:" in a list, or otherwise. */
static long listed(const char *name, int index, long otherwise) {
    char list[4096], *rest = NULL;
    snprintf(list, sizeof list, "%s", setting(name));
    for (char *item = strtok_r(list, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
        char *colon = strchr(item, ':');
        if (colon && atoi(item) == index) return strtol(colon + 1, NULL, 0);
    }
    return otherwise;
}

static int is_missing(const char *function) {
    char list[4096], *rest = NULL;
    snprintf(list, sizeof list, "%s", setting("NVML_MISSING"));
    for (char *item = strtok_r(list, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
        if (!strcmp(item, function)) return 1;
    return 0;
}

static void take(double seconds) {
    struct timespec pause = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
    if (seconds > 0) nanosleep(&pause, NULL);
}

/* A number from 0 to most that moves a little every second, each GPU's its own. */
static unsigned moving(int index, unsigned most) {
    if (*setting("NVML_STILL")) return (index * 7) % (most + 1);
    unsigned mixed = ((unsigned)time(NULL) + index * 977u) * 2654435761u;
    return (mixed >> 16) % (most + 1);
}

static int ask(const char *function, gpu which) {
    take(atof(setting("NVML_DELAY")) / 1000);
    if (is_missing(function)) return MISSING;
    if (which && listed("NVML_LOST", which->index, 0)) return LOST;
    return OK;
}
#define ASK(which) do { int refused = ask(__func__, which); if (refused) return refused; } while (0)

static unsigned long long used_mb(gpu which) {
    unsigned long long whole = listed("NVML_USED", which->index, 61234);
    return which->instance < 0 ? whole : whole / 4;
}

static unsigned long long total_mb(gpu which) { return which->instance < 0 ? TOTAL_MB : TOTAL_MB / 2; }

/* ---- the library */

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    take(atof(setting("NVML_DELAY")) / 1000);
    for (int index = 0; index < MOST; index++) {
        gpus[index].whole = (gpu_t){index, -1};
        for (int part = 0; part < 8; part++) gpus[index].part[part] = (gpu_t){index, part};
    }
    return *setting("NVML_MISMATCH") ? MISMATCH : OK;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return OK; }

const char *nvmlErrorString(int code) {
    switch (code) {
    case OK: return "Success";
    case INVALID: return "Invalid Argument";
    case UNSUPPORTED: return "Not Supported";
    case NOT_FOUND: return "Not Found";
    case TOO_SMALL: return "Insufficient Size";
    case MISSING: return "Function Not Found";
    case LOST: return "GPU is lost";
    case MISMATCH: return "Driver/library version mismatch";
    default: return "Unknown Error";
    }
}

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    ASK(NULL);
    snprintf(version, length, "575.57.08");
    return OK;
}
int nvmlSystemGetCudaDriverVersion_v2(int *version) { ASK(NULL); *version = 12090; return OK; }
int nvmlSystemGetCudaDriverVersion(int *version) { ASK(NULL); *version = 12090; return OK; }

int nvmlDeviceGetCount_v2(unsigned *number) { ASK(NULL); *number = count(); return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, gpu *found) {
    if ((int)index >= count()) return INVALID;
    ASK(&gpus[index].whole);
    *found = &gpus[index].whole;
    return OK;
}
int nvmlDeviceGetIndex(gpu which, unsigned *index) { ASK(which); *index = which->index; return OK; }
int nvmlDeviceGetMinorNumber(gpu which, unsigned *minor) { ASK(which); *minor = which->index; return OK; }

int nvmlDeviceGetName(gpu which, char *name, unsigned length) {
    ASK(which);
    const char *said = setting("NVML_NAME");
    snprintf(name, length, "%s", *said ? said : "NVIDIA H100 80GB HBM3");
    return OK;
}
int nvmlDeviceGetUUID(gpu which, char *uuid, unsigned length) {
    ASK(which);
    snprintf(uuid, length, "%s-00000000-0000-0000-%04d-%012d", which->instance < 0 ? "GPU" : "MIG", which->instance + 1, which->index);
    return OK;
}
int nvmlDeviceGetCudaComputeCapability(gpu which, int *major, int *minor) { ASK(which); *major = 9; *minor = 0; return OK; }

typedef struct {
    char legacy[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
} pci_t;
int nvmlDeviceGetPciInfo_v3(gpu which, pci_t *found) {
    ASK(which);
    memset(found, 0, sizeof *found);
    found->bus = which->index + 1;
    snprintf(found->legacy, sizeof found->legacy, "0000:%02X:00.0", which->index + 1);
    snprintf(found->bus_id, sizeof found->bus_id, "00000000:%02X:00.0", which->index + 1);
    return OK;
}

typedef struct { unsigned load, memory; } load_t;
int nvmlDeviceGetUtilizationRates(gpu which, load_t *found) {
    ASK(which);
    take(atof(setting("NVML_HANG")));
    /* As on real ones: what is cut into parts has no load of its own, nor have they. */
    if (which->instance >= 0 || listed("NVML_MIG", which->index, 0)) return UNSUPPORTED;
    long said = listed("NVML_UTIL", which->index, -1);
    found->load = said >= 0 ? (unsigned)said : 88 + moving(which->index, 11);
    found->memory = found->load / 2;
    return OK;
}

typedef struct { unsigned long long total, free, used; } memory_t;
int nvmlDeviceGetMemoryInfo(gpu which, memory_t *found) {
    ASK(which);
    *found = (memory_t){total_mb(which) * MB, (total_mb(which) - used_mb(which)) * MB, used_mb(which) * MB};
    return OK;
}
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory2_t;
int nvmlDeviceGetMemoryInfo_v2(gpu which, memory2_t *found) {
    ASK(which);
    found->total = total_mb(which) * MB;
    found->used = used_mb(which) * MB;
    found->free = found->total - found->used;
    found->reserved = 0;
    return OK;
}

int nvmlDeviceGetTemperature(gpu which, unsigned sensor, unsigned *degrees) {
    ASK(which);
    (void)sensor;
    *degrees = listed("NVML_TEMP", which->index, 58 + moving(which->index, 3));
    return OK;
}
int nvmlDeviceGetPowerUsage(gpu which, unsigned *milliwatts) {
    ASK(which);
    *milliwatts = 1000 * listed("NVML_POWER", which->index, 560 + moving(which->index, 60));
    return OK;
}
int nvmlDeviceGetEnforcedPowerLimit(gpu which, unsigned *milliwatts) { ASK(which); *milliwatts = 700000; return OK; }
int nvmlDeviceGetPowerManagementLimit(gpu which, unsigned *milliwatts) { ASK(which); *milliwatts = 700000; return OK; }
int nvmlDeviceGetFanSpeed(gpu which, unsigned *percent) { ASK(which); (void)percent; return UNSUPPORTED; }
int nvmlDeviceGetPerformanceState(gpu which, unsigned *state) { ASK(which); *state = 0; return OK; }
int nvmlDeviceGetClockInfo(gpu which, unsigned kind, unsigned *mhz) { ASK(which); (void)kind; *mhz = 1755; return OK; }
int nvmlDeviceGetPersistenceMode(gpu which, unsigned *mode) { ASK(which); *mode = 1; return OK; }

int nvmlDeviceGetCurrentClocksEventReasons(gpu which, unsigned long long *bits) {
    ASK(which);
    *bits = listed("NVML_THROTTLE", which->index, 0);
    return OK;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(gpu which, unsigned long long *bits) {
    ASK(which);
    *bits = listed("NVML_THROTTLE", which->index, 0);
    return OK;
}

typedef struct { unsigned pid; unsigned long long memory; unsigned instance, compute; } process_t;
int nvmlDeviceGetComputeRunningProcesses_v3(gpu which, unsigned *room, process_t *found) {
    ASK(which);
    char list[4096], *rest = NULL;
    unsigned seen = 0;
    snprintf(list, sizeof list, "%s", setting("NVML_PROCESSES"));
    for (char *item = strtok_r(list, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
        char *colon = strchr(item, ':');
        if (!colon || atoi(item) != which->index) continue;
        if (found && seen < *room) found[seen] = (process_t){atoi(colon + 1), used_mb(which) * MB / 2, ~0u, ~0u};
        seen++;
    }
    int fits = seen == 0 || (found && seen <= *room);
    *room = seen;
    return fits ? OK : TOO_SMALL;
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(gpu which, unsigned *room, process_t *found) {
    ASK(which);
    (void)found;
    *room = 0;
    return OK;
}

int nvmlDeviceGetMigMode(gpu which, unsigned *now, unsigned *next) {
    ASK(which);
    *now = *next = listed("NVML_MIG", which->index, 0) > 0;
    return OK;
}
int nvmlDeviceGetMaxMigDeviceCount(gpu which, unsigned *number) {
    ASK(which);
    *number = listed("NVML_MIG", which->index, 0) > 0 ? 7 : 0;
    return OK;
}
int nvmlDeviceGetMigDeviceHandleByIndex(gpu which, unsigned part, gpu *found) {
    ASK(which);
    if (part >= listed("NVML_MIG", which->index, 0)) return NOT_FOUND;
    *found = &gpus[which->index].part[part];
    return OK;
}

/* What these cards do not have; nvitop asks, and takes no for an answer, but not silence. */
#define NOT_HERE(function, ...) \
    int function(gpu which, __VA_ARGS__) { ASK(which); return UNSUPPORTED; }
NOT_HERE(nvmlDeviceGetEncoderUtilization, unsigned *a, unsigned *b)
NOT_HERE(nvmlDeviceGetDecoderUtilization, unsigned *a, unsigned *b)
NOT_HERE(nvmlDeviceGetMaxClockInfo, unsigned kind, unsigned *mhz)
NOT_HERE(nvmlDeviceGetTotalEccErrors, unsigned kind, unsigned counter, unsigned long long *errors)
NOT_HERE(nvmlDeviceGetComputeMode, unsigned *mode)
NOT_HERE(nvmlDeviceGetDisplayActive, unsigned *mode)
NOT_HERE(nvmlDeviceGetDisplayMode, unsigned *mode)
NOT_HERE(nvmlDeviceGetCurrentDriverModel, unsigned *now)
NOT_HERE(nvmlDeviceGetDriverModel, unsigned *now, unsigned *next)
NOT_HERE(nvmlDeviceGetBAR1MemoryInfo, void *found)
NOT_HERE(nvmlDeviceGetPcieThroughput, unsigned kind, unsigned *rate)
NOT_HERE(nvmlDeviceGetNvLinkState, unsigned link, unsigned *active)
NOT_HERE(nvmlDeviceGetProcessUtilization, void *found, unsigned *room, unsigned long long since)
NOT_HERE(nvmlDeviceGetGpuInstanceId, unsigned *id)
NOT_HERE(nvmlDeviceGetComputeInstanceId, unsigned *id)
NOT_HERE(nvmlDeviceGetMemoryErrorCounter, unsigned kind, unsigned counter, unsigned place, unsigned long long *errors)
