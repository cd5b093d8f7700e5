/* The same with every byte placed by the program, none by the library: session MODEL.wisp PICTURE.ppm
 *
 * The sizes are those of SqueezeNet in eight bits on any CPU, with room to spare: a byte too few is a status. */
#include "ppm.h"
#include <wisp.h>

static _Alignas(64) unsigned char model[1400000], prepared[4000000], arena[2000000], scratch[100000];

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, wisp_last_error());
    return 1;
}

int main(int argc, char **argv) {
    wisp_session *session;
    wisp_result results[5];
    int width, height;
    unsigned char *pixels = argc == 3 ? ppm_read(argv[2], &width, &height) : NULL;
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (!pixels || !file) return fputs("usage: session MODEL.wisp PICTURE.ppm\n", stderr), 2;
    size_t length = fread(model, 1, sizeof model, file);
    fclose(file);

    if (wisp_session_new(model, length, NULL, prepared, sizeof prepared, arena, sizeof arena, &session) ||
        wisp_session_set_frame_size(session, width, height, scratch, sizeof scratch))
        return failed(argv[1]);
    wisp_frame frame = {.size = sizeof frame, .format = WISP_RGB8, .width = width, .height = height};
    frame.planes[0] = (wisp_plane){pixels, 3 * (size_t)width * (size_t)height, 3 * (ptrdiff_t)width};
    if (wisp_session_classify(session, &frame, results, 5)) return failed(argv[2]);
    for (int at = 0; at < 5; at++) {
        char label[128];
        if (wisp_session_label(session, results[at].index, label, sizeof label)) return failed("label");
        printf("%.3f  %s (%u)\n", (double)results[at].score, label, (unsigned)results[at].index);
    }
    wisp_session_free(session);
    free(pixels);
    return 0;
}
