#include "brush.h"
#include <stdio.h>

int main(void) {
    stroke_t stroke = brush_compile();
    if (stroke == NULL) return 1;
    printf("Sketchbook: width %d\n", brush_apply(stroke, 7));
    return 0;
}
