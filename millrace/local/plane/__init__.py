"""The event plane: the behaviour of EventBridge, Lambda, SQS and Step Functions over the state that moto keeps."""
