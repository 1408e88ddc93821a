/* tcp_private.h: how the parts of a simulated connection call each other: tcp.c (life, packets, timers), tcp_sender.c,
 * tcp_receiver.c, tcp_application.c. */
#ifndef SIMULATOR_TCP_PRIVATE_H
#define SIMULATOR_TCP_PRIVATE_H

#include "tcp.h"

#define HEADERS 66 /* bytes on the wire besides the payload, about */

/* tcp.c */

/* realloc() that ends the program when there is no memory. */
void *tcp_memory(void *old, size_t bytes);
/* fn(arg) later; holds the connection until then. fn calls tcp_release(). */
void tcp_later(struct tcp_flow *flow, uint64_t at_ns, clockwork_fn fn, void *arg);
void tcp_release(struct tcp_flow *flow);
uint64_t tcp_now(const struct tcp_end *end);
/* Puts a segment on the wire, with whatever its side has to acknowledge. */
void tcp_transmit(struct tcp_end *end, uint64_t seq, uint32_t length, uint8_t flags);

/* tcp_sender.c */

void tcp_output(struct tcp_end *end);
void tcp_take_ack(struct tcp_end *end, const struct tcp_packet *packet);
void tcp_send_syn(struct tcp_end *end);
/* The other side did not hear the answer to its SYN. */
void tcp_send_syn_again(struct tcp_end *end);

/* tcp_receiver.c */

void tcp_take_data(struct tcp_end *end, const struct tcp_packet *packet);
/* The ACK that is due and that no segment has carried yet. */
void tcp_answer(struct tcp_end *end);
/* Fills in ACK number, SACK blocks and time stamp echo, and notes that they are on their way. */
void tcp_acknowledge(struct tcp_end *end, struct tcp_packet *packet);

/* tcp_application.c */

/* The handshake is through. */
void tcp_established(struct tcp_end *end);
/* More has come in order. */
void tcp_received(struct tcp_end *end);

#endif
