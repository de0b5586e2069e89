// SPDX-License-Identifier: Apache-2.0

package dataplane

//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -target bpfel -type class_bit -type l3_bit -type egress_bit -type service_bit -type slot_bit -type backend_bit -type choice -type reason -type table_block -type flow -cflags "-O2 -mcpu=v3 -Wall -Wextra -Werror" pipeline ../bpf/clearway.bpf.c
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -target bpfel -cflags "-O2 -mcpu=v3 -Wall -Wextra -Werror" lost ../bpf/lost.bpf.c
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -target bpfel -type target_bit -cflags "-O2 -mcpu=v3 -Wall -Wextra -Werror" probe ../bpf/probe.bpf.c
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -target bpfel -cflags "-O2 -mcpu=v3 -Wall -Wextra -Werror" decap ../bpf/decap.bpf.c
