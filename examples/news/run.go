package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"tidings/client"
)

// play publishes the recorded items one by one, from every feed in turn, dated now, and begins again at the end.
func play(ctx context.Context, o options, to *client.Client) error {
	items, err := recordedItems()
	if err != nil {
		return err
	}
	slog.Info("publishing", "gateway", o.gateway, "items", len(items), "every", o.every)
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	for {
		for _, it := range items {
			it.Published = time.Now().UTC().Truncate(time.Second)
			if err := publish(ctx, to, it); err != nil {
				return err
			}
			if o.once {
				continue
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
		}
		if o.once {
			return nil
		}
	}
}

// recordedItems takes one item of each feed in turn, the oldest of each first.
func recordedItems() ([]item, error) {
	files, err := recorded.ReadDir("data")
	if err != nil {
		return nil, err
	}
	var feeds [][]item
	longest := 0
	for _, file := range files {
		r, err := recorded.Open("data/" + file.Name())
		if err != nil {
			return nil, err
		}
		f, err := parseFeed(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
		slices.Reverse(f.items)
		feeds = append(feeds, f.items)
		longest = max(longest, len(f.items))
	}
	var items []item
	for i := range longest {
		for _, f := range feeds {
			if i < len(f) {
				items = append(items, f[i])
			}
		}
	}
	return items, nil
}

// watch reads the feeds in rounds and publishes the items that are neither known from a round before nor in the topic's
// history, the oldest first.
func watch(ctx context.Context, o options, to *client.Client) error {
	slog.Info("publishing", "gateway", o.gateway, "feeds", len(o.urls), "every", o.every)
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	seen := map[string]map[string]bool{} // by topic
	for {
		for _, address := range o.urls {
			f, err := fetch(ctx, address)
			if err != nil && o.once {
				return err
			}
			if err != nil { // a feed that fails for a while should not end this
				slog.Warn("no news", "feed", address, "err", err)
				continue
			}
			topic := topicOf(f.title)
			if seen[topic] == nil {
				if seen[topic], err = known(ctx, to, topic); err != nil {
					return err
				}
			}
			if err := publishNew(ctx, to, f, seen[topic]); err != nil {
				return err
			}
		}
		if o.once {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// publishNew publishes what seen does not have, and adds it there.
func publishNew(ctx context.Context, to *client.Client, f *feed, seen map[string]bool) error {
	for _, it := range slices.Backward(f.items) {
		if seen[it.key()] {
			continue
		}
		if it.Published.IsZero() {
			it.Published = time.Now().UTC().Truncate(time.Second)
		}
		if err := publish(ctx, to, it); err != nil {
			return err
		}
		seen[it.key()] = true
	}
	if len(seen) > 10*maxItems { // what the feed no longer has need not be remembered for ever
		clear(seen)
		for _, it := range f.items {
			seen[it.key()] = true
		}
	}
	return nil
}

// publish sends an item, with the key that tells which it is. It tries until the gateway has taken it, has refused it for good,
// or ctx ends: so it waits for a gateway that is not there yet. The client gives every attempt the same idempotency key, so that
// none is stored twice.
func publish(ctx context.Context, to *client.Client, it item) error {
	body, err := json.Marshal(it)
	if err != nil {
		return err
	}
	topic := topicOf(it.Source)
	_, err = to.Publish(ctx, topic, body, client.PublishOptions{
		Type: "application/json", Key: it.key(), Attempts: math.MaxInt,
		Waiting: func(err error, wait time.Duration) {
			slog.Warn("publish again", "topic", topic, "in", wait.Round(time.Millisecond), "err", err)
		},
	})
	return err
}

// known is the set of keys in the topic's history: what was published before this program started. It follows the topic from
// its beginning until it has caught up, and like publish waits for a gateway that is not there yet.
func known(ctx context.Context, to *client.Client, topic string) (map[string]bool, error) {
	keys := map[string]bool{}
	for event, err := range to.Follow(ctx, client.FollowOptions{Topics: []string{topic}, Since: "all"}) {
		switch {
		case err != nil:
			return nil, err
		case event.Message != nil:
			keys[event.Message.Key] = true
		case event.Live != nil:
			return keys, nil
		case event.State != nil && !event.State.Connected:
			slog.Warn("read the history again", "topic", topic, "in", event.State.Wait.Round(time.Millisecond), "err", event.State.Err)
		}
	}
	return keys, ctx.Err()
}

// topicOf is where a source's items are published: its title in lower case, with one hyphen for whatever is neither
// letter nor digit.
func topicOf(source string) string {
	slug := strings.Join(strings.FieldsFunc(strings.ToLower(source), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), "-")
	if slug == "" || len(slug) > 200 { // a topic has at most 255 bytes
		slug = digest(source)
	}
	return "news/" + slug
}

// key is the item's id where a header can carry it, else a digest of it.
func (it item) key() string {
	if len(it.id) > 255 || strings.ContainsFunc(it.id, func(r rune) bool { return r < ' ' || r > '~' }) {
		return digest(it.id)
	}
	return it.id
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

func fetch(ctx context.Context, address string) (*feed, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.8")
	req.Header.Set("User-Agent", "tidings-news-example")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s", address, resp.Status)
	}
	return parseFeed(resp.Body)
}
