/* Wisp for C: small image classifiers on the device itself. Made from crates/capi/src; do not edit.
 *
 * Each function that can fail gives a status: WISP_OK (0), or what went wrong, of which wisp_last_error() is the
 * text. Nothing is written to a result unless the status is WISP_OK; a new handle is then null.
 *
 * A pointer must lead to what the function's text says, and stay for the call. Null, misaligned addresses and
 * wrong sizes are statuses; an address that leads nowhere cannot be seen from here. A handle takes one call at a
 * time; different handles are independent, on any threads.
 *
 * See docs/c.md for an example of each way in. */

#ifndef WISP_H
#define WISP_H

#include <stddef.h>
#include <stdint.h>

/**
 * Version of this interface. It grows when a program that was compiled with an older header would break.
 */
#define WISP_ABI_VERSION 1

/**
 * Red, green, blue: three bytes a pixel.
 */
#define WISP_RGB8 0

/**
 * Blue, green, red: three bytes a pixel.
 */
#define WISP_BGR8 1

/**
 * Y U Y V (YUY2): four bytes for two pixels side by side.
 */
#define WISP_YUYV 2

/**
 * A plane of Y, then one of U V: two bytes for 2x2 pixels.
 */
#define WISP_NV12 3

/**
 * A plane each of Y, U and V (YUV420, YU12).
 */
#define WISP_I420 4

/**
 * Luma and chroma of ITU-R BT.601, luma 16 to 235: the default; SD video.
 */
#define WISP_BT601 0

/**
 * Luma and chroma of ITU-R BT.709, luma 16 to 235: HD video.
 */
#define WISP_BT709 1

/**
 * BT.601 over the whole range of a byte: JPEG, many webcams.
 */
#define WISP_BT601_FULL 2

/**
 * BT.709 over the whole range of a byte.
 */
#define WISP_BT709_FULL 3

/**
 * As little time as the memory budget allows; without a budget, as twice the smallest memory allows.
 */
#define WISP_OPTIMIZE_SPEED 0

/**
 * As little memory as there can be.
 */
#define WISP_OPTIMIZE_SIZE 1

/**
 * The best instruction set that this CPU has.
 */
#define WISP_ISA_BEST 0

/**
 * Plain code for every CPU.
 */
#define WISP_ISA_GENERIC 1

/**
 * x86-64 with AVX2 and FMA.
 */
#define WISP_ISA_AVX2 2

/**
 * x86-64 with AVX-512 and VNNI.
 */
#define WISP_ISA_VNNI 3

/**
 * AArch64.
 */
#define WISP_ISA_NEON 4

/**
 * AArch64 with the dot product instructions.
 */
#define WISP_ISA_DOTPROD 5

/**
 * Most results that one call gives.
 */
#define WISP_MAX_RESULTS 100

/**
 * Done.
 */
#define WISP_OK 0

/**
 * A pointer is null.
 */
#define WISP_NULL 1

/**
 * The `size` field of a struct is not one that this library knows.
 */
#define WISP_STRUCT_SIZE 2

/**
 * An option, a pixel format or a length is none that there is.
 */
#define WISP_ARGUMENT 3

/**
 * A file cannot be read.
 */
#define WISP_READ 4

/**
 * The bytes are not a valid model.
 */
#define WISP_MODEL 5

/**
 * This CPU, or this build, lacks the instruction set.
 */
#define WISP_ISA 6

/**
 * The number of threads is not allowed.
 */
#define WISP_THREADS 7

/**
 * The system has no memory left, or the model needs more than can be addressed.
 */
#define WISP_OUT_OF_MEMORY 8

/**
 * The model needs more than the memory budget.
 */
#define WISP_OVER_BUDGET 9

/**
 * A memory or a struct begins at an address that is not a multiple of its alignment.
 */
#define WISP_MISALIGNED 10

/**
 * The memory for prepared weights is too small.
 */
#define WISP_PREPARED_TOO_SMALL 11

/**
 * The arena is too small.
 */
#define WISP_ARENA_TOO_SMALL 12

/**
 * The scratch memory for frames is too small.
 */
#define WISP_SCRATCH_TOO_SMALL 13

/**
 * Two memories share bytes.
 */
#define WISP_OVERLAP 14

/**
 * The width or height of a frame is zero, negative, too large, or not the one that was announced.
 */
#define WISP_FRAME_SIZE 15

/**
 * A stride is negative or smaller than a row.
 */
#define WISP_STRIDE 16

/**
 * A plane has fewer bytes than width, height and stride take.
 */
#define WISP_FRAME_TOO_SHORT 17

/**
 * The model takes no pictures, or no picture of this size.
 */
#define WISP_PICTURE 18

/**
 * An input tensor has the wrong number of values.
 */
#define WISP_INPUT 19

/**
 * An array for results, scores or a text is too small, or larger than there are results.
 */
#define WISP_RESULTS 20

/**
 * There is no such class, or the model has no labels.
 */
#define WISP_LABEL 21

/**
 * A fault of the library: please report it with the text.
 */
#define WISP_INTERNAL 22

/**
 * A model with all the memory that it takes. One call at a time; from any thread.
 */
typedef struct wisp_engine wisp_engine;

/**
 * A model over memory of the caller, which must stay and be left alone until the session is freed: the model's
 * bytes, prepared weights, arena and scratch. One call at a time; from any thread.
 */
typedef struct wisp_session wisp_session;

/**
 * How a model is to be prepared. Zero in a field is its default, so `{ sizeof(wisp_options) }` is all of
 * them; a null pointer where options are taken is the same.
 */
typedef struct wisp_options {
  /**
   * sizeof(wisp_options), by which the library knows which fields there are.
   */
  uint32_t size;
  /**
   * Threads of an engine, 1 to 16; 0 is 1. A session runs on its caller's thread alone.
   */
  uint32_t threads;
  /**
   * Most bytes of prepared weights and arena together; 0 is no bound.
   */
  size_t memory_budget;
  /**
   * WISP_OPTIMIZE_SPEED or WISP_OPTIMIZE_SIZE.
   */
  int32_t optimize;
  /**
   * One of WISP_ISA_...; asking for one that the CPU lacks is an error.
   */
  int32_t isa;
} wisp_options;

/**
 * What a model is.
 */
typedef struct wisp_model_info {
  /**
   * Classes, and scores.
   */
  uint32_t classes;
  /**
   * Width of the input in pixels.
   */
  uint32_t width;
  /**
   * Height of the input in pixels.
   */
  uint32_t height;
  /**
   * Values of a pixel of the input; a model of pictures has 3.
   */
  uint32_t channels;
  /**
   * 1 if there is a label for each class, else 0.
   */
  uint32_t has_labels;
  /**
   * 1 if the weights are random numbers: the answers mean nothing.
   */
  uint32_t seeded;
} wisp_model_info;

/**
 * The bytes of one plane. They may be written again as soon as the call is over.
 */
typedef struct wisp_plane {
  /**
   * The first row.
   */
  const uint8_t *bytes;
  /**
   * Bytes that there are, from the first row to the end of the last one.
   */
  size_t length;
  /**
   * Bytes from the beginning of one row to that of the next.
   */
  ptrdiff_t stride;
} wisp_plane;

/**
 * A picture in memory.
 */
typedef struct wisp_frame {
  /**
   * sizeof(wisp_frame).
   */
  uint32_t size;
  /**
   * WISP_RGB8, WISP_BGR8, WISP_YUYV, WISP_NV12 or WISP_I420.
   */
  int32_t format;
  /**
   * Pixels a row, 1 to 65535.
   */
  int32_t width;
  /**
   * Rows, 1 to 65535.
   */
  int32_t height;
  /**
   * One of WISP_BT...; no matter for WISP_RGB8 and WISP_BGR8.
   */
  int32_t colour;
  /**
   * As many as the format has: 1, 2 for WISP_NV12, 3 for WISP_I420. The others are not looked at.
   */
  struct wisp_plane planes[3];
} wisp_frame;

/**
 * A class and its score.
 */
typedef struct wisp_result {
  /**
   * Index of the class, from 0.
   */
  uint32_t index;
  /**
   * Its score: what the model's last step gives, a probability where that is softmax.
   */
  float score;
} wisp_result;

/**
 * The memory that a session takes.
 */
typedef struct wisp_requirements {
  /**
   * Bytes of prepared weights.
   */
  size_t prepared_bytes;
  /**
   * Bytes of the arena.
   */
  size_t arena_bytes;
  /**
   * What the address of both must be a multiple of.
   */
  size_t align;
  /**
   * The WISP_ISA_... that these figures hold for.
   */
  int32_t isa;
} wisp_requirements;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the interface that the library was built with; compare it with `WISP_ABI_VERSION`.
 */
uint32_t wisp_abi_version(void);

/**
 * Makes an engine of a model in memory, which need not stay. On failure the engine is null.
 *
 * `model` leads to `model_bytes` bytes, `options` is null or leads to options, `engine` to memory for a
 * pointer.
 */
int32_t wisp_engine_from_bytes(const uint8_t *model,
                               size_t model_bytes,
                               const struct wisp_options *options,
                               struct wisp_engine **engine);

/**
 * Makes an engine of a .wisp file, whose path is UTF-8 and ends with a NUL. On failure the engine is null.
 *
 * `path` leads to bytes up to a NUL, `options` is null or leads to options, `engine` to memory for a pointer.
 */
int32_t wisp_engine_from_file(const char *path,
                              const struct wisp_options *options,
                              struct wisp_engine **engine);

/**
 * Ends an engine and gives its memory and threads back. Null is allowed.
 *
 * The engine came from this library, no call uses it, and it is not used again.
 */
void wisp_engine_free(struct wisp_engine *engine);

/**
 * Says what the engine's model is.
 *
 * `engine` is a handle of this library, `info` leads to memory that may be written.
 */
int32_t wisp_engine_info(const struct wisp_engine *engine, struct wisp_model_info *info);

/**
 * Writes the label of a class, UTF-8 with a NUL, into a text of `capacity` bytes; too few are an error.
 *
 * `engine` is a handle of this library, `text` leads to `capacity` bytes that may be written.
 */
int32_t wisp_engine_label(const struct wisp_engine *engine, uint32_t index, char *text, size_t capacity);

/**
 * Says what is in a picture: exactly `count` results, best first; `count` is 1 to WISP_MAX_RESULTS, and no more
 * than there are classes. Allocates for the first picture of a new size only.
 *
 * `engine` is a handle of this library that no other call uses, `frame` leads to a frame and its planes to their
 * bytes, `results` to `count` results that may be written.
 */
int32_t wisp_engine_classify(struct wisp_engine *engine,
                             const struct wisp_frame *frame,
                             struct wisp_result *results,
                             size_t count);

/**
 * Runs the model on an input tensor: rows of pixels of channels, prepared as the model wants them. Writes the
 * scores, one a class: `scores_count` must be the number of classes.
 *
 * `engine` is a handle of this library that no other call uses, `input` leads to `input_count` values, `scores`
 * to `scores_count` that may be written.
 */
int32_t wisp_engine_run(struct wisp_engine *engine,
                        const float *input,
                        size_t input_count,
                        float *scores,
                        size_t scores_count);

/**
 * What went wrong in this thread's last call that failed: UTF-8, at most 1023 bytes, never null, empty
 * before the first failure. Valid until the next call of this thread that fails; do not free it.
 */
const char *wisp_last_error(void);

/**
 * Says how much memory a session over this model takes. The model's bytes may stand at any address.
 *
 * `model` leads to `model_bytes` bytes, `options` is null or leads to options, `requirements` to memory that
 * may be written.
 */
int32_t wisp_model_requirements(const uint8_t *model,
                                size_t model_bytes,
                                const struct wisp_options *options,
                                struct wisp_requirements *requirements);

/**
 * Says how many bytes of scratch a session takes for frames of a size, at any alignment.
 *
 * `model` leads to `model_bytes` bytes, `scratch_bytes` to memory that may be written.
 */
int32_t wisp_model_scratch_bytes(const uint8_t *model,
                                 size_t model_bytes,
                                 int32_t width,
                                 int32_t height,
                                 size_t *scratch_bytes);

/**
 * Begins a session: prepares the model's weights in `prepared` and runs in `arena`, each at least as large and
 * aligned as wisp_model_requirements says with the same options. On failure the session is null. Only the handle
 * itself, some hundred bytes, is allocated.
 *
 * `model`, `prepared` and `arena` lead to as many bytes as are given, which nobody else uses until the session
 * is freed (the model may be read); `options` is null or leads to options, `session` to memory for a pointer.
 */
int32_t wisp_session_new(const uint8_t *model,
                         size_t model_bytes,
                         const struct wisp_options *options,
                         uint8_t *prepared,
                         size_t prepared_bytes,
                         uint8_t *arena,
                         size_t arena_bytes,
                         struct wisp_session **session);

/**
 * Ends a session; the memory is the caller's again. Null is allowed.
 *
 * The session came from this library, no call uses it, and it is not used again.
 */
void wisp_session_free(struct wisp_session *session);

/**
 * Says what the session's model is.
 *
 * `session` is a handle of this library, `info` leads to memory that may be written.
 */
int32_t wisp_session_info(const struct wisp_session *session, struct wisp_model_info *info);

/**
 * Writes the label of a class, as wisp_engine_label does.
 *
 * `session` is a handle of this library, `text` leads to `capacity` bytes that may be written.
 */
int32_t wisp_session_label(const struct wisp_session *session, uint32_t index, char *text, size_t capacity);

/**
 * Announces the size of the frames to come, and gives the memory for it, at any alignment: at least as much as
 * wisp_model_scratch_bytes says. May be called again; the earlier memory is then free.
 *
 * `session` is a handle of this library that no other call uses, `scratch` leads to `scratch_bytes` bytes that
 * nobody else uses until the session is freed or given other scratch.
 */
int32_t wisp_session_set_frame_size(struct wisp_session *session,
                                    int32_t width,
                                    int32_t height,
                                    uint8_t *scratch,
                                    size_t scratch_bytes);

/**
 * Says what is in a picture, as wisp_engine_classify does. The frame has the size that was announced, and lies
 * outside of the session's memory, as do the results. Allocates nothing.
 *
 * `session` is a handle of this library that no other call uses, `frame` leads to a frame and its planes to
 * their bytes, `results` to `count` results that may be written.
 */
int32_t wisp_session_classify(struct wisp_session *session,
                              const struct wisp_frame *frame,
                              struct wisp_result *results,
                              size_t count);

/**
 * Runs the model on an input tensor, as wisp_engine_run does; both arrays lie outside of the session's memory.
 *
 * `session` is a handle of this library that no other call uses, `input` leads to `input_count` values, `scores`
 * to `scores_count` that may be written.
 */
int32_t wisp_session_run(struct wisp_session *session,
                         const float *input,
                         size_t input_count,
                         float *scores,
                         size_t scores_count);

/**
 * What went wrong in this thread's last call that failed: UTF-8, at most 1023 bytes, never null, empty
 * before the first failure. Valid until the next call of this thread that fails; do not free it.
 */
const char *wisp_last_error(void);

/**
 * Says how much memory a session over this model takes. The model's bytes may stand at any address.
 *
 * `model` leads to `model_bytes` bytes, `options` is null or leads to options, `requirements` to memory that
 * may be written.
 */
int32_t wisp_model_requirements(const uint8_t *model,
                                size_t model_bytes,
                                const struct wisp_options *options,
                                struct wisp_requirements *requirements);

/**
 * Says how many bytes of scratch a session takes for frames of a size, at any alignment.
 *
 * `model` leads to `model_bytes` bytes, `scratch_bytes` to memory that may be written.
 */
int32_t wisp_model_scratch_bytes(const uint8_t *model,
                                 size_t model_bytes,
                                 int32_t width,
                                 int32_t height,
                                 size_t *scratch_bytes);

/**
 * Makes an engine of a model in memory, which need not stay. On failure the engine is null.
 *
 * `model` leads to `model_bytes` bytes, `options` is null or leads to options, `engine` to memory for a
 * pointer.
 */
int32_t wisp_engine_from_bytes(const uint8_t *model,
                               size_t model_bytes,
                               const struct wisp_options *options,
                               struct wisp_engine **engine);

/**
 * Makes an engine of a .wisp file, whose path is UTF-8 and ends with a NUL. On failure the engine is null.
 *
 * `path` leads to bytes up to a NUL, `options` is null or leads to options, `engine` to memory for a pointer.
 */
int32_t wisp_engine_from_file(const char *path,
                              const struct wisp_options *options,
                              struct wisp_engine **engine);

/**
 * Ends an engine and gives its memory and threads back. Null is allowed.
 *
 * The engine came from this library, no call uses it, and it is not used again.
 */
void wisp_engine_free(struct wisp_engine *engine);

/**
 * Says what the engine's model is.
 *
 * `engine` is a handle of this library, `info` leads to memory that may be written.
 */
int32_t wisp_engine_info(const struct wisp_engine *engine, struct wisp_model_info *info);

/**
 * Writes the label of a class, UTF-8 with a NUL, into a text of `capacity` bytes; too few are an error.
 *
 * `engine` is a handle of this library, `text` leads to `capacity` bytes that may be written.
 */
int32_t wisp_engine_label(const struct wisp_engine *engine, uint32_t index, char *text, size_t capacity);

/**
 * Says what is in a picture: exactly `count` results, best first; `count` is 1 to WISP_MAX_RESULTS, and no more
 * than there are classes. Allocates for the first picture of a new size only.
 *
 * `engine` is a handle of this library that no other call uses, `frame` leads to a frame and its planes to their
 * bytes, `results` to `count` results that may be written.
 */
int32_t wisp_engine_classify(struct wisp_engine *engine,
                             const struct wisp_frame *frame,
                             struct wisp_result *results,
                             size_t count);

/**
 * Runs the model on an input tensor: rows of pixels of channels, prepared as the model wants them. Writes the
 * scores, one a class: `scores_count` must be the number of classes.
 *
 * `engine` is a handle of this library that no other call uses, `input` leads to `input_count` values, `scores`
 * to `scores_count` that may be written.
 */
int32_t wisp_engine_run(struct wisp_engine *engine,
                        const float *input,
                        size_t input_count,
                        float *scores,
                        size_t scores_count);

/**
 * Begins a session: prepares the model's weights in `prepared` and runs in `arena`, each at least as large and
 * aligned as wisp_model_requirements says with the same options. On failure the session is null. Only the handle
 * itself, some hundred bytes, is allocated.
 *
 * `model`, `prepared` and `arena` lead to as many bytes as are given, which nobody else uses until the session
 * is freed (the model may be read); `options` is null or leads to options, `session` to memory for a pointer.
 */
int32_t wisp_session_new(const uint8_t *model,
                         size_t model_bytes,
                         const struct wisp_options *options,
                         uint8_t *prepared,
                         size_t prepared_bytes,
                         uint8_t *arena,
                         size_t arena_bytes,
                         struct wisp_session **session);

/**
 * Ends a session; the memory is the caller's again. Null is allowed.
 *
 * The session came from this library, no call uses it, and it is not used again.
 */
void wisp_session_free(struct wisp_session *session);

/**
 * Says what the session's model is.
 *
 * `session` is a handle of this library, `info` leads to memory that may be written.
 */
int32_t wisp_session_info(const struct wisp_session *session, struct wisp_model_info *info);

/**
 * Writes the label of a class, as wisp_engine_label does.
 *
 * `session` is a handle of this library, `text` leads to `capacity` bytes that may be written.
 */
int32_t wisp_session_label(const struct wisp_session *session, uint32_t index, char *text, size_t capacity);

/**
 * Announces the size of the frames to come, and gives the memory for it, at any alignment: at least as much as
 * wisp_model_scratch_bytes says. May be called again; the earlier memory is then free.
 *
 * `session` is a handle of this library that no other call uses, `scratch` leads to `scratch_bytes` bytes that
 * nobody else uses until the session is freed or given other scratch.
 */
int32_t wisp_session_set_frame_size(struct wisp_session *session,
                                    int32_t width,
                                    int32_t height,
                                    uint8_t *scratch,
                                    size_t scratch_bytes);

/**
 * Says what is in a picture, as wisp_engine_classify does. The frame has the size that was announced, and lies
 * outside of the session's memory, as do the results. Allocates nothing.
 *
 * `session` is a handle of this library that no other call uses, `frame` leads to a frame and its planes to
 * their bytes, `results` to `count` results that may be written.
 */
int32_t wisp_session_classify(struct wisp_session *session,
                              const struct wisp_frame *frame,
                              struct wisp_result *results,
                              size_t count);

/**
 * Runs the model on an input tensor, as wisp_engine_run does; both arrays lie outside of the session's memory.
 *
 * `session` is a handle of this library that no other call uses, `input` leads to `input_count` values, `scores`
 * to `scores_count` that may be written.
 */
int32_t wisp_session_run(struct wisp_session *session,
                         const float *input,
                         size_t input_count,
                         float *scores,
                         size_t scores_count);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WISP_H */
