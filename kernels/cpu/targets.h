// The instruction sets the vector code is compiled for: AVX-512, AVX2 and, for anything older, SSSE3, which
// the compiler is told to presume (CMakeLists.txt). Include before Highway; vector_inl.h says how a file is
// built.
#pragma once

#define HWY_DISABLED_TARGETS HWY_SSE4
