package bench

// Portably returns options by which connections are read as they are on systems without epoll.
func Portably(o Options) Options {
	o.portable = true
	return o
}
