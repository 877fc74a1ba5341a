// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {OptimismMintableERC20} from "./OptimismMintableERC20.sol";

/// Makes images of the other chain's ERC-20 tokens, for anyone. An image's address follows from what
/// it is told to be, so making it twice fails, and no image is more official than another: that of a
/// token which lies in its name is worth what its remote token is.
abstract contract MintableERC20Factory {
    string public constant version = "1.10.2+varve.1";

    /// By image, the remote token; zero for what was not made here.
    mapping(address => address) public deployments;

    event StandardL2TokenCreated(address indexed remoteToken, address indexed localToken);
    event OptimismMintableERC20Created(address indexed localToken, address indexed remoteToken, address deployer);

    /// OP's name of before Bedrock.
    function createStandardL2Token(address _remoteToken, string memory _name, string memory _symbol)
        external
        returns (address)
    {
        return createOptimismMintableERC20(_remoteToken, _name, _symbol);
    }

    function createOptimismMintableERC20(address _remoteToken, string memory _name, string memory _symbol)
        public
        returns (address)
    {
        return createOptimismMintableERC20WithDecimals(_remoteToken, _name, _symbol, 18);
    }

    function createOptimismMintableERC20WithDecimals(
        address _remoteToken,
        string memory _name,
        string memory _symbol,
        uint8 _decimals
    ) public returns (address) {
        require(_remoteToken != address(0), "OptimismMintableERC20Factory: must provide remote token address");
        bytes32 salt = keccak256(abi.encode(_remoteToken, _name, _symbol, _decimals));
        address localToken =
            address(new OptimismMintableERC20{salt: salt}(bridge(), _remoteToken, _name, _symbol, _decimals));
        deployments[localToken] = _remoteToken;
        emit StandardL2TokenCreated(_remoteToken, localToken);
        emit OptimismMintableERC20Created(localToken, _remoteToken, msg.sender);
        return localToken;
    }

    /// The bridge on this chain.
    function bridge() public view virtual returns (address);

    function BRIDGE() external view returns (address) {
        return bridge();
    }
}
