// One way to get executable memory for each value of WAY. Built by build.sh, for both architectures, optimised and not, stripped.
#include <fcntl.h>
#include <mach/mach.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// mach/mach_vm.h, which not every SDK has.
kern_return_t mach_vm_allocate(vm_map_t, mach_vm_address_t *, mach_vm_size_t, int);
kern_return_t mach_vm_protect(vm_map_t, mach_vm_address_t, mach_vm_size_t, boolean_t, vm_prot_t);
kern_return_t mach_vm_remap(vm_map_t, mach_vm_address_t *, mach_vm_size_t, mach_vm_offset_t, int, vm_map_t, mach_vm_address_t, boolean_t,
                            vm_prot_t *, vm_prot_t *, vm_inherit_t);

// pthread.h of macOS 11.4 and later.
int pthread_jit_write_with_callback_np(int (*)(void *), void *);

#define APART __attribute__((noinline))
#ifndef MAP_JIT
#define MAP_JIT 0x800
#endif
#define RW (PROT_READ | PROT_WRITE)
#define RX (PROT_READ | PROT_EXEC)
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)
#define PRIVATE (MAP_PRIVATE | MAP_ANON)
enum { map_jit, map_jit_protect, map_jit_shared, map_jit_callback, map_jit_flip, map_jit_toggle, map_jit_fixed, flip, rwx, protect_rwx, dual_shm, dual_remap, patch, computed, wrapper, outside, data, or_jit };

typedef int (*Code)(void);

static APART int run(void *code) { return ((Code)code)(); }
static APART void fill(void *code, size_t size) { memset(code, (int)size, size); }

static int write_code(void *code) {
    fill(code, 16384);
    return 0;
}

// Flags and protection as V8 makes them: a table by a checked index, and flags by conditions.
enum permission { none, read_only, read_write, read_write_execute, read_execute, none_later };
static const int protections[] = {PROT_NONE, PROT_READ, RW, RWX, RX, PROT_NONE};
static APART void *allocate(size_t size, unsigned permission, unsigned handle) {
    if (permission >= 6) abort();
    int protection = protections[permission];
    int flags = (handle & 0x1000) | (permission == none ? MAP_PRIVATE | MAP_NORESERVE : MAP_PRIVATE);
    flags ^= 0x1000;
    if (permission == read_write_execute || permission == none_later) flags |= MAP_JIT;
    return mmap(0, size, protection, flags, -1, 0);
}

// Two functions that hand their parameters on.
static APART void *inner(void *hint, size_t size, int protection, int flags) {
    void *memory = mmap(hint, size, protection, flags, -1, 0);
    if (memory == MAP_FAILED) write(2, "failed\n", 7);
    return memory;
}
static APART void *outer(size_t size, int jit, int flags) {
    void *memory = inner(0, size, jit, flags);
    fill(memory, size);
    return memory;
}

int main(int count, char **arguments) {
    size_t size = (size_t)count * 16384;
    void *code = 0;
    switch (WAY) {
    case map_jit: code = mmap(0, size, RWX, PRIVATE | MAP_JIT, -1, 0); break;
    case map_jit_protect:
        code = mmap(0, size, RWX, PRIVATE | MAP_JIT, -1, 0);
        mprotect(code, size, RX);
        break;
    case map_jit_shared: code = mmap(0, size, RWX, MAP_SHARED | MAP_ANON | MAP_JIT, -1, 0); break;
    case map_jit_callback:
        code = mmap(0, size, RWX, PRIVATE | MAP_JIT, -1, 0);
        pthread_jit_write_with_callback_np(write_code, code);
        break;
    case map_jit_flip:
        code = mmap(0, size, RW, PRIVATE | MAP_JIT, -1, 0);
        fill(code, size);
        mprotect(code, size, RX);
        break;
    case map_jit_toggle:
        code = mmap(0, size, RWX, PRIVATE | MAP_JIT, -1, 0);
        pthread_jit_write_protect_np(0);
        fill(code, size);
        pthread_jit_write_protect_np(1);
        break;
    case map_jit_fixed: code = mmap((void *)0x300000000, size, RWX, PRIVATE | MAP_JIT | MAP_FIXED, -1, 0); break;
    case flip:
        code = mmap(0, size, RW, PRIVATE, -1, 0);
        fill(code, size);
        mprotect(code, size, RX);
        break;
    case rwx: code = mmap(0, size, RWX, PRIVATE, -1, 0); break;
    case protect_rwx:
        code = mmap(0, size, RW, PRIVATE, -1, 0);
        mprotect(code, size, RWX);
        break;
    case dual_shm: {
        int file = shm_open("/practice", O_RDWR | O_CREAT, 0600);
        ftruncate(file, (off_t)size);
        fill(mmap(0, size, RW, MAP_SHARED, file, 0), size);
        code = mmap(0, size, RX, MAP_SHARED, file, 0);
        break;
    }
    case dual_remap: {
        mach_vm_address_t written = 0, view = 0;
        vm_prot_t now = 0, most = 0;
        mach_vm_allocate(mach_task_self(), &written, size, VM_FLAGS_ANYWHERE);
        mach_vm_remap(mach_task_self(), &view, size, 0, VM_FLAGS_ANYWHERE, mach_task_self(), written, 0, &now, &most, VM_INHERIT_NONE);
        mach_vm_protect(mach_task_self(), view, size, 0, VM_PROT_READ | VM_PROT_EXECUTE);
        fill((void *)written, size);
        code = (void *)view;
        break;
    }
    case patch:
        code = (void *)((unsigned long)&run & ~0x3fffUL);
        mach_vm_protect(mach_task_self(), (mach_vm_address_t)code, 16384, 0, VM_PROT_READ | VM_PROT_WRITE | VM_PROT_COPY);
        fill(code, 16384);
        break;
    case computed: code = allocate(size, (unsigned)atoi(arguments[1]), (unsigned)atoi(arguments[2])); break;
    case wrapper: code = count > 2 ? outer(size, RW, PRIVATE | MAP_JIT) : outer(16384, RWX, PRIVATE | MAP_JIT); break;
    case outside: code = mmap(0, size, atoi(arguments[1]), atoi(arguments[2]), -1, 0); break;
    case data:
        code = mmap(0, size, RW, PRIVATE, -1, 0);
        mprotect(code, 16384, PROT_NONE);
        mprotect((char *)code + 16384, 16384, PROT_READ);
        break;
    case or_jit: code = mmap(0, size, atoi(arguments[1]) & RW, atoi(arguments[2]) | MAP_JIT, -1, 0); break;
    }
    return run(code);
}
