// A calculator that compiles formulas. It does everything right, with MAP_JIT and per-thread write protection; only the entitlement is missing.
#include <libkern/OSCacheControl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { SIZE = 16384 };

#if defined(__arm64__)
static const unsigned char code[] = {0x00, 0x7c, 0x00, 0x1b, 0xc0, 0x03, 0x5f, 0xd6}; // mul w0, w0, w0; ret
#else
static const unsigned char code[] = {0x89, 0xf8, 0x0f, 0xaf, 0xc0, 0xc3}; // mov eax, edi; imul eax, eax; ret
#endif

typedef int (*formula_t)(int);

__attribute__((noinline)) static formula_t formula_compile(void) {
    pthread_jit_write_protect_np(0);
    void *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANON | MAP_JIT, -1, 0);
    if (memory == MAP_FAILED) {
        perror("Abacus: mmap");
        return NULL;
    }
    memcpy(memory, code, sizeof code);
    pthread_jit_write_protect_np(1);
    sys_icache_invalidate(memory, sizeof code);
    return (formula_t)memory;
}

int main(void) {
    formula_t square = formula_compile();
    if (square == NULL) return 1;
    printf("Abacus: 12 squared is %d\n", square(12));
    return 0;
}
