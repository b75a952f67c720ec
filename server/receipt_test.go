package server

import (
	"encoding/json"
	"net/http"
	"testing"

	"tidings/gateway"
	"tidings/gateway/journal"
)

// receiptBody is a receipt as the wire says it.
type receiptBody struct {
	Topic      string             `json:"topic"`
	Cursor     string             `json:"cursor"`
	Seq        uint64             `json:"seq"`
	Prev       uint64             `json:"prev"`
	Durability journal.Durability `json:"durability"`
	Followers  int                `json:"followers"`
	Duplicate  bool               `json:"duplicate"`
	Status     int                `json:"status,omitempty"` // in a batch
}

func TestReceiptIsWhatJSONWrites(t *testing.T) {
	for _, r := range []gateway.Receipt{
		{},
		{Topic: "a/b", Cursor: gateway.Cursor{Epoch: "aaaaaaaa", Seq: journal.MaxSeq}, Prev: 1, Durability: journal.OnDisk, Followers: 7, Duplicate: true},
		{Topic: `<a>&"\` + "\u2028é\U0001f600", Durability: journal.InMemory},
	} {
		for _, status := range []int{0, http.StatusCreated} {
			want, err := json.Marshal(receiptBody{
				Topic: r.Topic, Cursor: r.Cursor.String(), Seq: r.Cursor.Seq, Prev: r.Prev,
				Durability: r.Durability, Followers: r.Followers, Duplicate: r.Duplicate, Status: status,
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := appendReceipt(nil, &r, status); string(got) != string(want) {
				t.Errorf("%s\nwant\n%s", got, want)
			}
		}
	}
}
