// The fault: the memory is mapped writable and flipped to executable, without MAP_JIT. allow-jit covers MAP_JIT memory only.
#include "brush.h"
#include <libkern/OSCacheControl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { SIZE = 16384 };

#if defined(__arm64__)
static const unsigned char code[] = {0x00, 0x04, 0x00, 0x11, 0xc0, 0x03, 0x5f, 0xd6}; // add w0, w0, #1; ret
#else
static const unsigned char code[] = {0x8d, 0x47, 0x01, 0xc3}; // lea eax, [rdi + 1]; ret
#endif

stroke_t brush_compile(void) {
    void *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (memory == MAP_FAILED) {
        perror("brush: mmap");
        return NULL;
    }
    memcpy(memory, code, sizeof code);
    if (mprotect(memory, SIZE, PROT_READ | PROT_EXEC) != 0) {
        perror("brush: mprotect");
        return NULL;
    }
    sys_icache_invalidate(memory, sizeof code);
    return (stroke_t)memory;
}

int brush_apply(stroke_t stroke, int pressure) {
    int width = stroke(pressure);
    return width > 64 ? 64 : width;
}
