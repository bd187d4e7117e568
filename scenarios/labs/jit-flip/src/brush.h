// Strokes are compiled: the machine code of a stroke is written into fresh memory and called.
typedef int (*stroke_t)(int pressure);
stroke_t brush_compile(void);
int brush_apply(stroke_t stroke, int pressure);
