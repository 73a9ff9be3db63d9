/* cpu.h - what kernels that are chosen at run time ask of the processor.
 *
 * In:     nothing.
 * Out:    whether it has a set of extensions. The build itself is for x86-64-v2.
 * Owns:   nothing.
 * Runs:   any.
 * Limits: a kernel that needs less asks for that where it is.
 */
#ifndef SL_BASE_CPU_H
#define SL_BASE_CPU_H

#include <stdbool.h>

/* AVX2, and BMI1 and BMI2, which came with it. */
static inline bool cpu_has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("bmi2");
}

/* AVX-512 of bytes in all lengths of a vector, VBMI and VBMI2, and what AVX2 came with. */
static inline bool cpu_has_avx512(void)
{
	return __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vbmi") &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("bmi2");
}

#endif
