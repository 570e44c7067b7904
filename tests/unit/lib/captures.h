/* Capture files for tests, written by libpcap into a directory of their own. */
#ifndef NETWATCH_TESTS_CAPTURES_H
#define NETWATCH_TESTS_CAPTURES_H

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/frames.h"

struct capture_writer {
        pcap_t *pcap;
        pcap_dumper_t *dumper;
        bool in_ns;
};

/* A path in the temporary directory of this process; valid until the next call. */
static inline const char *temporary_path(const char *name) {
        static char path[128];
        (void)snprintf(path, sizeof(path), "/tmp/netwatch-unit-%d-%s", (int)getpid(), name);
        return path;
}

static inline struct capture_writer captures_open(const char *path, int datalink, bool in_ns) {
        struct capture_writer writer = {.in_ns = in_ns};
        u_int precision = in_ns ? PCAP_TSTAMP_PRECISION_NANO : PCAP_TSTAMP_PRECISION_MICRO;
        writer.pcap = pcap_open_dead_with_tstamp_precision(datalink, 1 << 24, precision);
        assert(writer.pcap);
        writer.dumper = pcap_dump_open(writer.pcap, path);
        assert(writer.dumper);
        return writer;
}

static inline void captures_write(struct capture_writer *writer, int64_t time_ns, const void *data, uint32_t captured,
                                  uint32_t length) {
        const struct pcap_pkthdr header = {
                .ts = {.tv_sec = time_ns / NS_PER_S, .tv_usec = time_ns % NS_PER_S / (writer->in_ns ? 1 : 1000)},
                .caplen = captured,
                .len = length,
        };
        pcap_dump((u_char *)writer->dumper, &header, data);
}

static inline void captures_close(struct capture_writer *writer) {
        pcap_dump_close(writer->dumper);
        pcap_close(writer->pcap);
}

/* An Ethernet frame with a UDP datagram of flow `number`, 10.n to 192.0.2.1:443 as in packets.h. */
static inline void put_numbered(struct bytes *b, uint32_t number, bool from_a, unsigned payload) {
        char client[16];
        (void)snprintf(client, sizeof(client), "10.%u.%u.%u", number >> 16 & 255, number >> 8 & 255, number & 255);
        put_ethernet(b, 0x0800);
        put_ip4(b, 17, from_a ? client : "192.0.2.1", from_a ? "192.0.2.1" : client, 8 + payload);
        put_udp(b, from_a ? 50000 : 443, from_a ? 443 : 50000);
        put_zeros(b, payload);
}

#endif
