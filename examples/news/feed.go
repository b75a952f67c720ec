package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// item is one piece of news, as it is published.
type item struct {
	Title     string    `json:"title"`
	Summary   string    `json:"summary"`
	Link      string    `json:"link"`
	Source    string    `json:"source"`
	Published time.Time `json:"published"`

	id string // what makes it the same item when the feed is read again
}

// feed is what is used of an RSS 2.0 or Atom (RFC 4287) document.
type feed struct {
	title string
	items []item // as in the document: the newest first, as a rule
}

const (
	maxFeed    = 4 << 20 // bytes; large feeds have a few hundred KB
	maxItems   = 500     // of one document
	maxTitle   = 300     // characters
	maxSummary = 500     // characters
)

var errTooLarge = fmt.Errorf("the feed has more than %d bytes", maxFeed)

// document takes both formats: encoding/xml fills what is there. Tags without a namespace match in any.
type document struct {
	XMLName xml.Name
	Title   []text     `xml:"title"` // Atom
	Entries []entry    `xml:"entry"` // Atom
	Channel *rssFormat `xml:"channel"`
}

type rssFormat struct {
	Title []text  `xml:"title"`
	Items []entry `xml:"item"`
}

// entry is an RSS item or an Atom entry.
type entry struct {
	Title       []text     `xml:"title"`
	ID          string     `xml:"id"`   // Atom
	GUID        string     `xml:"guid"` // RSS
	Links       []feedLink `xml:"link"`
	Summary     string     `xml:"summary"`     // Atom
	Content     string     `xml:"content"`     // Atom
	Description string     `xml:"description"` // RSS
	Published   string     `xml:"published"`   // Atom
	Updated     string     `xml:"updated"`     // Atom
	PubDate     string     `xml:"pubDate"`     // RSS
}

// text knows its namespace: media:title and its like are not the title.
type text struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

type feedLink struct {
	Rel   string `xml:"rel,attr"`
	Href  string `xml:"href,attr"`
	Value string `xml:",chardata"` // RSS
}

// parseFeed reads a document of at most maxFeed bytes.
func parseFeed(r io.Reader) (*feed, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFeed+1))
	if err != nil {
		return nil, fmt.Errorf("read feed: %w", err)
	}
	if len(data) > maxFeed {
		return nil, errTooLarge
	}
	decoder := xml.NewDecoder(bytes.NewReader(data))
	decoder.Entity = xml.HTMLEntity
	decoder.CharsetReader = charset
	var doc document
	if err := decoder.Decode(&doc); err != nil {
		return nil, fmt.Errorf("read feed: %w", err)
	}
	titles, entries := doc.Title, doc.Entries
	switch {
	case doc.XMLName.Local == "rss" && doc.Channel != nil:
		titles, entries = doc.Channel.Title, doc.Channel.Items
	case doc.XMLName.Local != "feed":
		return nil, fmt.Errorf("read feed: a document <%s> is neither RSS 2.0 nor Atom", doc.XMLName.Local)
	}
	f := &feed{title: plain(title(titles), maxTitle)}
	if f.title == "" {
		return nil, errors.New("read feed: it has no title")
	}
	for _, e := range entries[:min(len(entries), maxItems)] {
		if it := e.item(f.title); it.Title != "" {
			f.items = append(f.items, it)
		}
	}
	return f, nil
}

func (e entry) item(source string) item {
	it := item{
		Title:     plain(title(e.Title), maxTitle),
		Summary:   plain(first(e.Summary, e.Description, e.Content), maxSummary),
		Link:      e.link(),
		Source:    source,
		Published: parseDate(first(e.Published, e.PubDate, e.Updated)),
	}
	it.id = first(e.GUID, e.ID, it.Link, it.Title)
	return it
}

// link is the address of the article, "" if there is none that a page may show as a link.
func (e entry) link() string {
	for _, l := range e.Links {
		if l.Rel != "" && l.Rel != "alternate" {
			continue
		}
		s := first(l.Href, l.Value)
		if u, err := url.Parse(s); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
			return u.String()
		}
	}
	return ""
}

func title(texts []text) string {
	for _, t := range texts {
		if t.XMLName.Space == "" || t.XMLName.Space == "http://www.w3.org/2005/Atom" {
			return t.Value
		}
	}
	return ""
}

// first is the first of the texts that says something.
func first(texts ...string) string {
	for _, s := range texts {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return ""
}

// plain takes the markup out of s, joins its lines, and cuts it to a number of characters at a space. It is for looks:
// a page that shows the text must still treat it as text.
func plain(s string, limit int) string {
	var b strings.Builder
	for rest := s; rest != ""; {
		before, tag, found := strings.Cut(rest, "<")
		b.WriteString(before)
		if !found {
			break
		}
		_, after, closed := strings.Cut(tag, ">")
		if !closed || strings.HasPrefix(tag, " ") { // a bare "<" in the text
			b.WriteString("<")
			rest = tag
			continue
		}
		b.WriteString(" ")
		rest = after
	}
	s = strings.Join(strings.Fields(html.UnescapeString(strings.ToValidUTF8(b.String(), "\uFFFD"))), " ")
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	s = string([]rune(s)[:limit-1])
	if i := strings.LastIndexByte(s, ' '); i > len(s)/2 {
		s = s[:i]
	}
	return s + "…"
}

// parseDate reads the forms that feeds use. The zero time stands for none.
func parseDate(s string) time.Time {
	for _, layout := range []string{
		time.RFC3339,                                                     // Atom
		"Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST", // RSS: RFC 822 with a year of four digits
		"Mon, 2 Jan 2006 15:04 -0700", "2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 MST", "Mon, 2 Jan 06 15:04:05 -0700",
	} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 0 && t.Year() < 10000 {
			return t.UTC()
		}
	}
	return time.Time{}
}

// charset decodes what old feeds use beside UTF-8.
func charset(name string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "us-ascii", "ascii":
		return r, nil
	case "iso-8859-1", "latin1":
		data, err := io.ReadAll(r)
		runes := make([]rune, len(data))
		for i, b := range data {
			runes[i] = rune(b)
		}
		return strings.NewReader(string(runes)), err
	}
	return nil, fmt.Errorf("character set %q is not supported", name)
}
