// An effect, made and signed by another developer.
int effect_process(int sample) {
    return sample + sample / 4;
}
