package socket

import "sync"

// Shared is where links keep what they have made of a message that goes to many sockets.
type Shared struct {
	mu   sync.Mutex
	made map[any][]byte
}

// Get returns what was made of the message under a key, and has it made first where nothing was. The bytes never change.
func (s *Shared) Get(key any, fresh func() []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.made[key]
	if !ok {
		if s.made == nil {
			s.made = map[any][]byte{}
		}
		b = fresh()
		s.made[key] = b
	}
	return b
}
