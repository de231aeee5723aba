package breaker_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-rt/troupe/actors"
	"github.com/troupe-rt/troupe/actors/breaker"
)

func ExampleBreaker_Do() {
	system := actors.NewSystem(actors.Config{})
	defer func() { _ = system.Close(context.Background()) }()
	backend, err := breaker.New(system, breaker.Options{Backend: "redis", FailureThreshold: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		err = backend.Do(context.Background(), 0, func(context.Context) error {
			return errors.New("connection refused")
		})
		fmt.Println(backend.State(), errors.Is(err, breaker.ErrOpen))
	}
	// Output:
	// healthy false
	// broken false
	// broken true
}
