// Places an order with franz-go and waits for the decision.
//
// usage: place BROKERS ORDER_ID
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type line struct {
	SKU       string `json:"sku"`
	Name      string `json:"name"`
	Quantity  int    `json:"quantity"`
	UnitPrice int    `json:"unit_price"`
}

func header(record *kgo.Record, name string) string {
	for _, header := range record.Headers {
		if header.Key == name {
			return string(header.Value)
		}
	}
	return ""
}

func main() {
	brokers, orderID := os.Args[1], os.Args[2]
	order, err := json.Marshal(map[string]any{
		"order_id":       orderID,
		"customer":       map[string]string{"name": "Ada", "email": "ada@example.com"},
		"currency":       "GBP",
		"payment_method": "pm_card_visa",
		"lines":          []line{{"22350", "CAT BOWL", 2, 255}},
	})
	if err != nil {
		log.Fatal(err)
	}
	// Acknowledged by all in-sync replicas, idempotent, and hashed as Java does: franz-go's defaults.
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.ConsumeTopics("orders"),
		kgo.ConsumerGroup("place-"+orderID+"-"+time.Now().Format(time.RFC3339Nano)),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	// The order id is the idempotency key: placed again with the same content it is the same order.
	record := &kgo.Record{Topic: "orders.commands", Key: []byte(orderID), Value: order,
		Headers: []kgo.RecordHeader{{Key: "ce_type", Value: []byte("order.place")},
			{Key: "ce_correlationid", Value: []byte("web-4714")}}}
	if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
		log.Fatalf("%s was not placed: %v", orderID, err)
	}
	for ctx.Err() == nil {
		for iter := client.PollFetches(ctx).RecordIter(); !iter.Done(); {
			event := iter.Next()
			if string(event.Key) != orderID {
				continue
			}
			kind := header(event, "ce_type")
			fmt.Println(kind, "correlation", header(event, "ce_correlationid"))
			if kind == "order.confirmed" || kind == "order.cancelled" || kind == "order.rejected" {
				return
			}
		}
	}
	log.Fatalf("no decision about %s within 30 s", orderID)
}
