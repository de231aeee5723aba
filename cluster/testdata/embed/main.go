package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/cluster"
	"github.com/troupe-rt/troupe/topic"
)

type Chat struct{ From, Text string }

func main() {
	node, err := cluster.Start(context.Background(), cluster.Config{})
	if err != nil {
		log.Fatal(err)
	}
	room := topic.Of[Chat](node.Topics(), "room:42")
	http.Handle("/ws", gateway.Handler(node, gateway.Options{}))
	http.HandleFunc("POST /say", func(w http.ResponseWriter, r *http.Request) {
		pos, err := room.Publish(r.Context(), "created", Chat{r.FormValue("from"), r.FormValue("text")})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "kept as number", pos.Seq)
	})
	log.Fatal(http.ListenAndServe(cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080"), nil))
}
