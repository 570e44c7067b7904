/* Between link.c, network.c and segments.c, nobody else's business. */
#ifndef NETWATCH_PACKET_LAYERS_H
#define NETWATCH_PACKET_LAYERS_H

#include "base/cursor.h"
#include "packet/packet.h"

/* Where the IP header is, and what is known of it; verdict PACKET_OK means: there is one. */
struct network {
        enum packet_verdict verdict;
        unsigned version; /* 4, 6 or 0 = by the nibble */
};

/* From behind an ethertype to the IP header that it leads to, over tags, labels, PPPoE and LLC/SNAP. */
struct network ethertype_open(struct cursor *c, uint16_t ethertype);

/* From the first label of a stack to the IP header below it. */
struct network mpls_open(struct cursor *c);

/* Reads an IP packet at the cursor into addresses, family, proto, ports, flags and class.
 * version  4 or 6 as the link layer promised, 0 where it promised nothing.
 * Where the verdict is no flow's, `ret` is left as it was. */
enum packet_verdict network_decode(struct cursor c, unsigned version, struct packet *ret);

/* Walks the extension headers of IPv6. `*proto` becomes what follows them, or the header that could
 * not be read; `*later` is set by a fragment after the first, which ends the walk. */
enum packet_verdict extensions_walk(struct cursor *c, uint8_t *proto, bool *later);

/* Sets packets and bytes of a super-packet, and the verdict of a flow's where they are not sure.
 * network  as found in its link header; where that is PACKET_OK, `c` stands at the outermost IP header. */
void segments_count(const struct frame *frame, struct cursor c, struct network network, struct packet *ret);

#endif
