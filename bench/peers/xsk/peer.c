/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The peer of package xsk: the same work, in C on libxdp, as a careful program
 * does it. It is called as bench/xskbench/worker is, whose main.go says how.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_xdp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <xdp/xsk.h>

#define SOCKETS_FD 3
#define GENERATOR_FD 4
#define CHUNKS 4096
#define CHUNK XSK_UMEM__DEFAULT_FRAME_SIZE
#define RING 2048
#define BURST 1024

struct port {
	struct xsk_ring_cons rx, completion;
	struct xsk_ring_prod tx, fill;
	struct xsk_socket *socket;
};

static char **arguments;
static unsigned int batch, size;
static unsigned char frame[CHUNK];
static unsigned char *memory;
static __u64 chunks[CHUNKS]; /* the free ones */
static unsigned int chunks_left;

static void fail(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error < 0 ? -error : error));
	exit(1);
}

/* generate makes the kernel put a burst of frames on the way to the socket. */
static void generate(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame,
		    .data_size_in = size, .repeat = BURST, .batch_size = batch,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	int error = bpf_prog_test_run_opts(GENERATOR_FD, &o);

	if (error)
		fail("generating", error);
}

static void open_port(struct port *p, const char *device,
		      struct xsk_umem *umem)
{
	struct xsk_socket_config config = {
		.rx_size = RING,
		.tx_size = RING,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP,
	};
	int error = xsk_socket__create_shared(&p->socket, device, 0, umem,
					      &p->rx, &p->tx, &p->fill,
					      &p->completion, &config);
	if (error == -EBUSY) {
		/* The kernel frees a queue some time after its last owner. */
		usleep(10000);
		execv("/proc/self/exe", arguments);
	}
	if (error)
		fail("opening a socket", error);
}

static struct xsk_umem *make_umem(struct port *first)
{
	struct xsk_umem_config config = {
		.fill_size = RING,
		.comp_size = RING,
		.frame_size = CHUNK,
	};
	struct xsk_umem *umem;
	int error;

	memory = mmap(NULL, (size_t)CHUNKS * CHUNK, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		fail("mapping memory", errno);
	error = xsk_umem__create(&umem, memory, (size_t)CHUNKS * CHUNK,
				 &first->fill, &first->completion, &config);
	if (error)
		fail("making a UMEM", error);
	for (; chunks_left < CHUNKS; chunks_left++) {
		chunks[chunks_left] = (__u64)chunks_left * CHUNK;
		memcpy(memory + chunks[chunks_left], frame, size);
	}
	return umem;
}

/* refill gives a port chunks to receive into, as many as there is room for. */
static void refill(struct port *p, unsigned int n)
{
	__u32 at;

	n = n < chunks_left ? n : chunks_left;
	if (xsk_ring_prod__reserve(&p->fill, n, &at) == n) {
		for (unsigned int i = 0; i < n; i++)
			*xsk_ring_prod__fill_addr(&p->fill, at + i) =
				chunks[--chunks_left];
		xsk_ring_prod__submit(&p->fill, n);
	}
	if (xsk_ring_prod__needs_wakeup(&p->fill))
		recvfrom(xsk_socket__fd(p->socket), NULL, 0, MSG_DONTWAIT,
			 NULL, NULL);
}

/* kick makes the kernel send all that was submitted, and collects what was. */
static void kick(struct port *p)
{
	unsigned int n;
	__u32 at;

	while (xsk_ring_prod__needs_wakeup(&p->tx) &&
	       __atomic_load_n(p->tx.consumer, __ATOMIC_ACQUIRE) !=
		       p->tx.cached_prod)
		if (sendto(xsk_socket__fd(p->socket), NULL, 0, MSG_DONTWAIT,
			   NULL, 0) < 0 &&
		    errno != EAGAIN && errno != EBUSY && errno != ENOBUFS)
			fail("sending", errno);
	n = xsk_ring_cons__peek(&p->completion, RING, &at);
	if (!n)
		return;
	for (unsigned int i = 0; i < n; i++)
		chunks[chunks_left++] =
			*xsk_ring_cons__comp_addr(&p->completion, at + i);
	xsk_ring_cons__release(&p->completion, n);
}

/* receive drops a burst. */
static void receive(struct port *in, struct port *out)
{
	unsigned int n, got = 0;
	__u32 at;

	(void)out;
	for (generate(); got < BURST; got += n) {
		n = xsk_ring_cons__peek(&in->rx, batch, &at);
		if (!n) {
			sched_yield();
			continue;
		}
		for (unsigned int i = 0; i < n; i++)
			chunks[chunks_left++] =
				xsk_ring_cons__rx_desc(&in->rx, at + i)->addr &
				~(__u64)(CHUNK - 1);
		xsk_ring_cons__release(&in->rx, n);
		refill(in, n);
	}
}

/* transmit sends a burst. */
static void transmit(struct port *in, struct port *out)
{
	__u32 at;

	(void)in;
	for (unsigned int sent = 0; sent < BURST; sent += batch) {
		if (xsk_ring_prod__reserve(&out->tx, batch, &at) != batch)
			fail("the TX ring is full", EAGAIN);
		for (unsigned int i = 0; i < batch; i++)
			*xsk_ring_prod__tx_desc(&out->tx, at + i) =
				(struct xdp_desc){ .addr = chunks[--chunks_left],
						   .len = size };
		xsk_ring_prod__submit(&out->tx, batch);
		kick(out);
	}
}

/* forward sends a burst from where it was received into. */
static void forward(struct port *in, struct port *out)
{
	unsigned int n, got = 0;
	__u32 at, to;

	for (generate(); got < BURST; got += n) {
		n = xsk_ring_cons__peek(&in->rx, batch, &at);
		if (!n) {
			sched_yield();
			continue;
		}
		if (xsk_ring_prod__reserve(&out->tx, n, &to) != n)
			fail("the TX ring is full", EAGAIN);
		for (unsigned int i = 0; i < n; i++)
			*xsk_ring_prod__tx_desc(&out->tx, to + i) =
				*xsk_ring_cons__rx_desc(&in->rx, at + i);
		xsk_ring_prod__submit(&out->tx, n);
		xsk_ring_cons__release(&in->rx, n);
		kick(out);
		refill(in, n);
	}
}

/* spent is the CPU time of this thread and of the kernel's for softirqs. */
static double spent(const char *softirq)
{
	struct timespec t;
	double others = 0;
	FILE *f = fopen(softirq, "r");

	if (!f || fscanf(f, "%lf", &others) != 1)
		fail(softirq, errno);
	fclose(f);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return others + t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	void (*work)(struct port *, struct port *) = NULL;
	static struct port in, out;
	struct xsk_umem *umem;
	cpu_set_t cpu;
	double start;
	int bursts;

	if (argc != 10)
		return 2;
	arguments = argv;
	work = !strcmp(argv[2], "receive") ? receive :
	       !strcmp(argv[2], "send")	   ? transmit :
					     forward;
	batch = atoi(argv[5]);
	bursts = atoi(argv[7]) / BURST;
	size = atoi(argv[6]);
	memset(frame, 2, 12);
	memcpy(frame + 12, "\x88\xb5", 2);
	CPU_ZERO(&cpu);
	CPU_SET(atoi(argv[8]), &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		fail("moving to a CPU", errno);
	umem = make_umem(&in);
	refill(&in, RING);
	open_port(&in, argv[3], umem);
	open_port(&out, argv[4], umem);
	if (xsk_socket__update_xskmap(in.socket, SOCKETS_FD))
		fail("registering the socket", errno);
	for (int i = 0; i < bursts / 10; i++)
		work(&in, &out);
	start = spent(argv[9]);
	for (int i = 0; i < bursts; i++)
		work(&in, &out);
	printf("%.3f\n", (spent(argv[9]) - start) / bursts / BURST);
	return 0;
}
