/* An answer that is sent while it is made. */
#ifndef NETWATCH_SERVER_STREAM_H
#define NETWATCH_SERVER_STREAM_H

#include "server/request.h"

/* The response whose body is the reply's source, which it takes. NULL without memory: then it stays. */
struct MHD_Response *stream_response(struct request *request);

#endif
