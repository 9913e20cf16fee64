import Commands
RootCommand.main()
