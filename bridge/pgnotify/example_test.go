package pgnotify_test

import (
	"fmt"

	"github.com/troupe-rt/troupe/bridge/pgnotify"
)

func ExampleTriggerSQL() {
	_, remove, err := pgnotify.TriggerSQL(pgnotify.TriggerOptions{Table: "app.messages", Topic: "room:{room_id}"})
	fmt.Println(err)
	fmt.Print(remove)
	_, _, err = pgnotify.TriggerSQL(pgnotify.TriggerOptions{Table: "messages; drop table users", Topic: "room:{room_id"})
	fmt.Println(err)
	// Output:
	// <nil>
	// drop trigger if exists "troupe_messages" on "app"."messages";
	//
	// drop function if exists "app"."troupe_messages"();
	// pgnotify: table: must be letters, digits and underscores, and begin with no digit
	// pgnotify: topic: has a { that is not followed by the name of a column and }
}
