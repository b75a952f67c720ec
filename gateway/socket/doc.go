// Package socket is the core of sockets: two-way conversations, each between one client and one handler, that any transport can carry.
//
// A conversation is two numbered sequences of frames, one down and one up. A handler sees whole messages, or readers and writers of them
// ([Socket]); a transport sees frames ([Link]). A plain WebSocket is the conversation itself: when it ends, so does the socket. All other
// links only carry it: what they had not brought to the client when they broke is carried again by the next.
//
// The package knows neither HTTP nor any transport.
package socket
