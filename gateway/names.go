package gateway

import "strings"

// nameTree holds the topics that have state, by segments, so that the topics of a pattern are found without looking at
// the others.
type nameTree struct {
	children map[string]*nameTree
	topic    *topicLog // the topic that ends here
}

func (n *nameTree) add(t *topicLog) {
	for segment := range strings.SplitSeq(t.name, "/") {
		child := n.children[segment]
		if child == nil {
			if n.children == nil {
				n.children = make(map[string]*nameTree)
			}
			child = new(nameTree)
			n.children[segment] = child
		}
		n = child
	}
	n.topic = t
}

// remove forgets a topic and the branches that only led to it.
func (n *nameTree) remove(name string) (empty bool) {
	segment, rest, more := strings.Cut(name, "/")
	if child := n.children[segment]; child != nil {
		if !more {
			child.topic = nil
		}
		if more && child.remove(rest) || !more && child.topic == nil && len(child.children) == 0 {
			delete(n.children, segment)
		}
	}
	return n.topic == nil && len(n.children) == 0
}

// visit calls fn for every branch that it looks at: with the topic there if the pattern matches it, else with nil, so
// that the work can be counted. It breaks off and returns false when fn does.
func (n *nameTree) visit(pattern string, more bool, fn func(*topicLog) bool) bool {
	if !more {
		return fn(n.topic)
	}
	segment, rest, more := strings.Cut(pattern, "/")
	switch segment {
	case "**":
		return n.all(fn)
	case "*":
		if !fn(nil) {
			return false
		}
		for _, child := range n.children {
			if !child.visit(rest, more, fn) {
				return false
			}
		}
		return true
	}
	child := n.children[segment]
	return fn(nil) && (child == nil || child.visit(rest, more, fn))
}

func (n *nameTree) all(fn func(*topicLog) bool) bool {
	if !fn(n.topic) {
		return false
	}
	for _, child := range n.children {
		if !child.all(fn) {
			return false
		}
	}
	return true
}
