package socket

// Link carries a socket's frames over one connection, or in one answer. Its methods are called one at a time, with the socket's lock held:
// they must not block, and must not call the socket.
type Link interface {
	// Carry writes what l holds, as far as there is room, in order and behind what was carried before. It returns how many frames have left
	// whole: a frame of which a part has left is not among them, and will be the first of the next call, which goes on in its middle. Its Data
	// has the same bytes then, perhaps elsewhere: they are only lent for the call. Fewer than all means that the link is full: it is called again
	// once it has told [Socket.Ready]. done says that it carries nothing more (a poll is answered); the socket lets go of it as by [Socket.Detach].
	Carry(l Load) (frames int, done bool)
	// Heard reports whether the client has said anything since the last call. A link on which it cannot say anything returns true.
	Heard() bool
	// Resume has the connection read from again after [Socket.Put] has returned false.
	Resume()
	// End says goodbye and closes the connection. It is the last call.
	End(e End)
}

// Load is what a link is to carry.
type Load struct {
	Frames []Frame
	// Ack is up to where the client's frames were taken. What has been said needs not be said again.
	Ack uint64
	// Ping asks for a sign of life, both ways. A link that is full is not asked.
	Ping bool
}

// End is why a link is ended. Where nothing of it is set, there is nobody to tell.
type End struct {
	// Over says that both directions are closed and the client has been told: there is nothing left to say.
	Over bool
	// Code, where it is not 0, is that of a Close frame that says why everything ends now, and Reason is its reason.
	Code   uint16
	Reason string
	// Replaced says that a newer link carries the socket. It lives on.
	Replaced bool
}
