// Stands before the toolkit's <cuda_bf16.h>: adds what its host half leaves out.
#pragma once

#include <cuda_runtime.h>

#include_next <cuda_bf16.h>

inline __nv_bfloat16 __hfma(__nv_bfloat16 a, __nv_bfloat16 b, __nv_bfloat16 c) {
  return __float2bfloat16(fmaf(__bfloat162float(a), __bfloat162float(b), __bfloat162float(c)));
}
inline __nv_bfloat162 __hfma2(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c) {
  __nv_bfloat162 result;
  result.x = __hfma(a.x, b.x, c.x);
  result.y = __hfma(a.y, b.y, c.y);
  return result;
}
