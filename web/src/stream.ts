// The WebSocket: one connection, its frames, its end. Who reconnects, and when, is decided elsewhere.

import type { Frame } from './wire';

const TOPICS = ['rates', 'top_talkers', 'events'];

export interface StreamEvents {
    frame(frame: Frame): void;
    /** Once, when it is over, whoever ended it, or when it was never opened. RFC 6455, section 7.4, has the codes. */
    closed(code: number, wasOpen: boolean): void;
}

export class Stream {
    private readonly socket: WebSocket;

    constructor(events: StreamEvents) {
        const url = new URL('/ws', location.href);
        url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
        url.hash = '';
        this.socket = new WebSocket(url);
        let wasOpen = false;
        this.socket.onopen = () => {
            wasOpen = true;
            this.socket.send(JSON.stringify({ subscribe: TOPICS }));
        };
        this.socket.onmessage = (message: MessageEvent<unknown>) => {
            if (typeof message.data === 'string')
                events.frame(JSON.parse(message.data) as Frame);
        };
        this.socket.onclose = ({ code }) => {
            events.closed(code, wasOpen);
        };
    }

    close(): void {
        this.socket.onclose = null;
        this.socket.onmessage = null;
        this.socket.close();
    }
}
