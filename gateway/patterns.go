package gateway

import "strings"

// patternTree maps patterns to values and finds all patterns that match a topic, by segments.
type patternTree[T any] struct {
	root patternNode[T]
}

type patternNode[T any] struct {
	children map[string]*patternNode[T] // by segment; "*" is one of them
	here     *T                         // the pattern that ends at this segment
	deep     *T                         // the pattern that goes on with "**" from this segment
}

// get returns the value of a pattern's text, made with fresh if it is new.
func (t *patternTree[T]) get(pattern string, fresh func() *T) *T {
	at := t.place(pattern)
	if *at == nil {
		*at = fresh()
	}
	return *at
}

func (t *patternTree[T]) place(pattern string) **T {
	node := &t.root
	for segment := range strings.SplitSeq(pattern, "/") {
		if segment == "**" {
			return &node.deep
		}
		child := node.children[segment]
		if child == nil {
			if node.children == nil {
				node.children = make(map[string]*patternNode[T])
			}
			child = new(patternNode[T])
			node.children[segment] = child
		}
		node = child
	}
	return &node.here
}

// remove forgets a pattern, and the branches that only led to it.
func (t *patternTree[T]) remove(pattern string) { t.root.remove(pattern) }

func (n *patternNode[T]) remove(pattern string) (empty bool) {
	segment, rest, more := strings.Cut(pattern, "/")
	if segment == "**" {
		n.deep = nil
	} else if child := n.children[segment]; child != nil {
		if !more {
			child.here = nil
		}
		if more && child.remove(rest) || !more && child.empty() {
			delete(n.children, segment)
		}
	}
	return n.empty()
}

func (n *patternNode[T]) empty() bool { return n.here == nil && n.deep == nil && len(n.children) == 0 }

// match calls visit with the value of every pattern that matches the topic.
func (t *patternTree[T]) match(topic string, visit func(*T)) {
	if topic != "" && topic[0] != '$' {
		t.root.match(topic, true, visit)
	}
}

func (n *patternNode[T]) match(topic string, more bool, visit func(*T)) {
	if n.deep != nil {
		visit(n.deep)
	}
	if !more {
		if n.here != nil {
			visit(n.here)
		}
		return
	}
	if n.children == nil {
		return
	}
	segment, rest, more := strings.Cut(topic, "/")
	if child := n.children[segment]; child != nil {
		child.match(rest, more, visit)
	}
	if child := n.children["*"]; child != nil {
		child.match(rest, more, visit)
	}
}
