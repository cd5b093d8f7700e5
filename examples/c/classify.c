/* A picture in, five labels out: classify MODEL.wisp PICTURE.ppm
 *
 * A camera's frame goes in as it is: set format, planes and strides. */
#include "ppm.h"
#include <wisp.h>

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, wisp_last_error());
    return 1;
}

int main(int argc, char **argv) {
    wisp_engine *engine;
    wisp_result results[5];
    int width, height;
    if (argc != 3 || wisp_abi_version() != WISP_ABI_VERSION) {
        fputs("usage: classify MODEL.wisp PICTURE.ppm\n", stderr);
        return 2;
    }
    unsigned char *pixels = ppm_read(argv[2], &width, &height);
    if (!pixels) return fprintf(stderr, "cannot read %s\n", argv[2]), 1;

    if (wisp_engine_from_file(argv[1], NULL, &engine)) return failed(argv[1]);
    wisp_frame frame = {.size = sizeof frame, .format = WISP_RGB8, .width = width, .height = height};
    frame.planes[0] = (wisp_plane){pixels, 3 * (size_t)width * (size_t)height, 3 * (ptrdiff_t)width};
    if (wisp_engine_classify(engine, &frame, results, 5)) return failed(argv[2]);
    for (int at = 0; at < 5; at++) {
        char label[128];
        if (wisp_engine_label(engine, results[at].index, label, sizeof label)) return failed("label");
        printf("%.3f  %s (%u)\n", (double)results[at].score, label, (unsigned)results[at].index);
    }
    wisp_engine_free(engine);
    free(pixels);
    return 0;
}
