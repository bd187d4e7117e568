// Calls whose arguments Temper must tell, and some that nobody can. Built by build.sh.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <pthread.h>

#define APART __attribute__((noinline))
#ifndef MAP_JIT
#define MAP_JIT 0x800
#endif

// RWX memory with MAP_JIT.
APART void *map_jit(size_t size) {
    return mmap(0, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANON | MAP_JIT, -1, 0);
}

// Written first, made executable afterwards.
APART int flip(size_t size) {
    char *code = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (code == MAP_FAILED) return 1;
    for (size_t i = 0; i < size; i++) code[i] = (char)i;
    return mprotect(code, size, PROT_READ | PROT_EXEC);
}

// RWX without MAP_JIT.
APART void *map_plain(void) {
    return mmap(0, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANON, -1, 0);
}

// One of two flags.
APART void *map_either(int jit, size_t size) {
    int flags = MAP_PRIVATE | MAP_ANON;
    if (jit) flags |= MAP_JIT;
    return mmap(0, size, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0);
}

// One of several protections, through a switch that becomes a jump table.
APART int protect_by_kind(void *at, int kind) {
    int protection = 0;
    switch (kind) {
    case 0: protection = PROT_READ; write(1, "a", 1); break;
    case 1: protection = PROT_READ | PROT_WRITE; write(1, "bb", 2); break;
    case 2: protection = PROT_READ | PROT_EXEC; write(2, "ccc", 3); break;
    case 3: write(2, "dddd", 4); protection = PROT_READ; break;
    case 4: write(3, "eeeee", 5); protection = PROT_READ | PROT_WRITE; break;
    case 5: write(4, "ffffff", 6); protection = PROT_READ | PROT_EXEC; break;
    default: protection = PROT_NONE; break;
    }
    return mprotect(at, 4096, protection);
}

// Flags from outside: not known.
APART void *map_as_told(int protection, int flags) {
    return mmap(0, 4096, protection, flags, -1, 0);
}

// The local variable is changed by somebody who has its address: not known.
APART void fill(int *flags) { read(0, flags, sizeof *flags); }
APART void *map_filled(void) {
    int flags = MAP_PRIVATE | MAP_ANON;
    fill(&flags);
    return mmap(0, 4096, PROT_READ, flags, -1, 0);
}

// Handed on by a wrapper that only two places call.
static APART void *allocate(size_t size, int protection, int flags) {
    void *memory = mmap(0, size, protection, flags, -1, 0);
    if (memory == MAP_FAILED) write(2, "mmap\n", 5);
    return memory;
}
APART void *use_wrapper(int big) {
    if (big) return allocate(1 << 20, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANON | MAP_JIT);
    void *small = allocate(4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_JIT);
    write(1, "ok\n", 3);
    return small;
}

// The same with its address in a table: anybody may call it, so not known.
static APART int change(void *at, size_t size, int protection) {
    int failed = mprotect(at, size, protection);
    if (failed) write(2, "mprotect\n", 9);
    return failed;
}
int (*const volatile table[])(void *, size_t, int) = {change};
APART int use_table(void *at) { return change(at, 4096, PROT_READ | PROT_EXEC) + table[0](at, 1, 2); }

// Through a pointer.
APART int by_pointer(void *at, volatile int again) {
    int (*protect)(void *, size_t, int) = mprotect;
    int sum = 0;
    while (again--) sum += protect(at, 16384, PROT_READ | PROT_EXEC);
    return sum;
}

// A loop changes the flag: not known, or known as a set.
APART int count_up(void *at, int until) {
    int sum = 0;
    for (int protection = 0; protection < until; protection++) sum += mprotect(at, 4096, protection);
    return sum;
}

// A plug-in by a constant path, one by a computed path, and the program itself.
APART void *load_plugin(void) { return dlopen("/usr/local/lib/libplugin.dylib", RTLD_NOW | RTLD_LOCAL); }
APART void *load_any(char **arguments) { return dlopen(arguments[1], RTLD_LAZY); }
APART void *load_self(void) { void *self = dlopen(0, RTLD_LAZY); write(1, "self\n", 5); return self; }

// A variable that dyld reads.
APART int set_environment(void) {
    int failed = setenv("DYLD_LIBRARY_PATH", "/opt/lib", 1);
    write(1, "env\n", 4);
    return failed;
}

int main(int count, char **arguments) {
    void *jit = map_jit((size_t)count * 4096);
    pthread_jit_write_protect_np(0);
    int sum = flip((size_t)count);
    map_plain();
    map_either(count > 2, 4096);
    sum += protect_by_kind(jit, count);
    map_as_told(count, count + 1);
    map_filled();
    use_wrapper(count);
    sum += use_table(jit) + by_pointer(jit, count) + count_up(jit, count);
    load_plugin();
    load_any(arguments);
    load_self();
    pthread_jit_write_protect_np(1);
    return sum + set_environment();
}
