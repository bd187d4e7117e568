// The fault: the library is found through DYLD_LIBRARY_PATH (LSEnvironment in Info.plist), which dyld drops in a hardened process.
#include <stdio.h>

int tide_height(int hour);

int main(void) {
    printf("Tidewatch: %d m\n", tide_height(3));
    return 0;
}
