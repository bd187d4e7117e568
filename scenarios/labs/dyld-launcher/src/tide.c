// A library that was built for /usr/local/lib and copied into the app without changing its install name.
int tide_height(int hour) {
    static const int metres[] = {1, 2, 4, 5, 5, 3, 2, 1};
    return metres[(unsigned)hour % (sizeof metres / sizeof *metres)];
}
