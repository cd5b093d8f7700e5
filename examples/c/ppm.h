/* The simplest picture file there is, for tests and examples: "P6 WIDTH HEIGHT 255", then red, green, blue. */
#ifndef WISP_PPM_H
#define WISP_PPM_H

#include <stdio.h>
#include <stdlib.h>

/* The pixels of a binary PPM without comments, to be freed; NULL if it cannot be read. */
static unsigned char *ppm_read(const char *path, int *width, int *height) {
    FILE *file = fopen(path, "rb");
    unsigned char *pixels = NULL;
    if (file && fscanf(file, "P6 %5d %5d 255", width, height) == 2 && fgetc(file) != EOF && *width > 0 && *height > 0) {
        size_t length = 3 * (size_t)*width * (size_t)*height;
        pixels = malloc(length);
        if (pixels && fread(pixels, 1, length, file) != length) {
            free(pixels);
            pixels = NULL;
        }
    }
    if (file) fclose(file);
    return pixels;
}

#endif
