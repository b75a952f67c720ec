package server

import (
	"net/http"
	"strconv"
)

// describe answers HEAD /topics/{topic}.
func (s *Server) describe(c *call) error {
	topic, err := topicOf(c.r)
	if err != nil {
		return err
	}
	info, err := s.gateway.Topic(topic)
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Tidings-Cursor", info.Cursor.String())
	h.Set("Tidings-Count", strconv.Itoa(info.Messages))
	h.Set("Tidings-Bytes", strconv.FormatInt(info.Bytes, 10))
	h.Set("Tidings-Followers", strconv.Itoa(info.Followers))
	h.Set("Cache-Control", "no-store")
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// delete answers DELETE /topics/{topic}.
func (s *Server) delete(c *call) error {
	topic, err := topicOf(c.r)
	if err != nil {
		return err
	}
	receipt, err := s.gateway.Delete(c.r.Context(), topic)
	if err != nil {
		return err
	}
	s.answerReceipt(c, http.StatusOK, &receipt)
	return nil
}
