// A host for effects of other developers. It is hardened, so macOS refuses code of another team.
#include <dlfcn.h>
#include <stdio.h>

typedef int (*effect_t)(int sample);

static int apply(const char *path, int sample) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "Mixbench: cannot load effect: %s\n", dlerror());
        return sample;
    }
    effect_t effect = (effect_t)dlsym(library, "effect_process");
    return effect == NULL ? sample : effect(sample);
}

int main(void) {
    int sample = apply("@executable_path/../PlugIns/Reverb.bundle/Contents/MacOS/Reverb", 100);
    sample = apply("/Library/Application Support/Mixbench/Effects/libchorus.dylib", sample);
    printf("Mixbench: %d\n", sample);
    return 0;
}
