/* Between link.c and network.c, nobody else's business. */
#ifndef NETWATCH_PACKET_LAYERS_H
#define NETWATCH_PACKET_LAYERS_H

#include "base/cursor.h"
#include "packet/packet.h"

/* Reads an IP packet at the cursor into addresses, family, proto, ports, flags and class.
 * version  4 or 6 as the link layer promised, 0 where it promised nothing.
 * Where the verdict is no flow's, `ret` is left as it was. */
enum packet_verdict network_decode(struct cursor c, unsigned version, struct packet *ret);

#endif
