/* What C alone can show: calls MODEL.wisp COUNT KILOBYTES makes so many calls, of which every fifth is refused,
 * and fails if memory grows by more meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wisp.h>

#define SIDE 40

#define CHECK(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, wisp_last_error()); \
            exit(1);                                                                 \
        }                                                                            \
    } while (0)

/* Kilobytes that the process has written to, without what is mapped from files; 0 where the system does not tell. */
static long resident(void) {
    long kilobytes = 0;
    char line[128];
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %ld", &kilobytes) == 1) break;
    if (file) fclose(file);
    return kilobytes;
}

int main(int argc, char **argv) {
    static unsigned char pixels[SIDE * SIDE * 3];
    const char *path = argc == 4 ? argv[1] : "";
    long count = argc == 4 ? atol(argv[2]) : 0, most = argc == 4 ? atol(argv[3]) : 0, before = 0;
    wisp_options options = {sizeof options, 0, 0, WISP_OPTIMIZE_SIZE, WISP_ISA_BEST};
    wisp_frame frame = {.size = sizeof frame, .format = WISP_RGB8, .width = SIDE, .height = SIDE};
    wisp_engine *engine = NULL;
    wisp_model_info info;
    CHECK(wisp_abi_version() == WISP_ABI_VERSION);
    CHECK(wisp_engine_from_file(path, &options, &engine) == WISP_OK);
    CHECK(wisp_engine_info(engine, &info) == WISP_OK && info.classes > 1);
    frame.planes[0] = (wisp_plane){pixels, sizeof pixels, SIDE * 3};
    for (long call = 0; call < count; call++) {
        wisp_result results[2] = {{0, 0}, {0, 0}};
        memset(pixels, (int)(call % 256), sizeof pixels);
        frame.format = call % 5 == 4 ? 77 : WISP_RGB8;
        int32_t status = wisp_engine_classify(engine, &frame, results, 2);
        CHECK(status == (call % 5 == 4 ? WISP_ARGUMENT : WISP_OK));
        CHECK(status != WISP_OK || results[0].score >= results[1].score);
        /* A handle lives shortly now and then. */
        if (call % 1000 == 0) {
            wisp_engine *another = NULL;
            CHECK(wisp_engine_from_file(path, &options, &another) == WISP_OK);
            wisp_engine_free(another);
        }
        /* What comes up in the first calls is not a leak. */
        if (call == count / 10) before = resident();
    }
    long grown = resident() - before;
    wisp_engine_free(engine);
    printf("%ld calls, %ld kB more at the end\n", count, grown);
    return grown > most;
}
