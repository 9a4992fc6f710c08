package main

import (
	"context"
	"fmt"

	"github.com/compose-spec/compose-go/v2/cli"
)

func compose(path string) error {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithName("hookgate"))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	text, err := project.MarshalJSON()
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", text)
	return nil
}
